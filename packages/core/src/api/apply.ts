export { applyActions } from '../apply/apply-actions.js';
export { type ApplyOptions, type ApplyReport, exitOf } from '../apply/apply-report.js';
export type { BrakeReport } from '../apply/brakes.js';
