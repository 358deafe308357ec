export { type ApplyOptions, type ApplyReport, applyActions, exitOf } from '../apply/apply-actions.js';
export type { BrakeReport } from '../apply/brakes.js';
