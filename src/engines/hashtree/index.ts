export { decodeBase64 } from './base64.ts'
export { CanonicalError, canonicalJson } from './canonical.ts'
export {
  type Checkpoint,
  checkpointText,
  type OpenedCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
  witnessCheckpoint,
} from './checkpoint.ts'
export {
  makeSm2Key,
  type NoteSigner,
  type NoteVerifier,
  noteSigner,
  type OpenedNote,
  openNote,
  parseVkey,
  signNote,
  sm2NoteSigner,
} from './note.ts'
export {
  type ConsistencyClaim,
  consistencyNodes,
  consistencyPath,
  type InclusionClaim,
  inclusionNodes,
  inclusionPath,
  type NodeReader,
  rootFrom,
  verifyConsistency,
  verifyInclusion,
} from './proof.ts'
export {
  type BundleVerdict,
  parseReceipt,
  RECEIPT_BYTES_MAX,
  RECEIPT_FORMAT,
  type ReceiptBundle,
  receiptText,
  verifierOf,
  verifyBundle,
} from './receipt.ts'
export { CompactRange, EMPTY_ROOT, HASH_BYTES, leafHash, type NodeId, nodeHash, peakNodes } from './rfc6962.ts'
export {
  edgeTiles,
  nodeFromTile,
  parseTilePath,
  splitHashes,
  TILE_WIDTH,
  type Tile,
  TiledTree,
  type TileId,
  tileOf,
  tilePath,
} from './tiles.ts'
