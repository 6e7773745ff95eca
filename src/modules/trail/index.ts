export { parseReceipt, parseTilePath, type ReceiptBundle, receiptText, verifyBundle, witnessCheckpoint } from '#engines/hashtree/index.ts'
export {
  type AppendInput,
  append,
  commitment,
  type InsertPending,
  type Refusal,
  refuse,
  sqlInsertPending,
} from './append.ts'
export { type Check, checkTrail } from './doctor.ts'
export {
  defineEvent,
  type EventDef,
  type EventSpec,
  entryQuarantined,
  findEvent,
  listEvents,
  personalErased,
  requestRefused,
  type Upcast,
  upcast,
} from './events.ts'
export { ensureSm2Key, ensureTrailKey, loadSm2Signer, loadTrailSigner } from './keys.ts'
export { originOf, type TrailEntry } from './model.ts'
export { erasePersonal, readPersonal } from './personal.ts'
export { findCheckpoint, findEntry, findTile, listAbout, proveConsistency, proveEntry, type StoredCheckpoint, timeline } from './proof.ts'
export { createSequencer, type Sequencer, type SequencerOptions } from './sequencer.ts'
export {
  type BatchDelivery,
  type CursorState,
  type Delivery,
  listCursors,
  listSubscribers,
  recorded,
  runSubscribers,
  type Subscriber,
  subscribe,
  unfolded,
} from './subscribe.ts'
