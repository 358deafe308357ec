import type { CommandClass } from 'clipanion';
import { ApplyCommand } from './commands/apply.js';
import { CatStateCommand } from './commands/cat-state.js';
import { ExportStateCommand } from './commands/export-state.js';
import { FetchCommand } from './commands/fetch.js';
import { FsckCommand } from './commands/fsck.js';
import { GcCommand } from './commands/gc.js';
import { ImportStateCommand } from './commands/import-state.js';
import { InitCommand } from './commands/init.js';
import { LsMessagesCommand } from './commands/ls-messages.js';
import { PlanCommand } from './commands/plan.js';
import { RestoreCommand } from './commands/restore.js';
import { ShowCommand } from './commands/show.js';
import { StatusCommand } from './commands/status.js';
import { SyncCommand } from './commands/sync.js';

/** Every command, in the order in which help shows them. */
export const COMMANDS: readonly CommandClass[] = [
  InitCommand,
  FetchCommand,
  StatusCommand,
  PlanCommand,
  ApplyCommand,
  SyncCommand,
  FsckCommand,
  RestoreCommand,
  GcCommand,
  LsMessagesCommand,
  ShowCommand,
  CatStateCommand,
  ExportStateCommand,
  ImportStateCommand,
];
