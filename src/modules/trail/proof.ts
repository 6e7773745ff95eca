import {
  consistencyNodes,
  consistencyPath,
  HASH_BYTES,
  inclusionNodes,
  inclusionPath,
  type NodeId,
  type NodeReader,
  nodeFromTile,
  RECEIPT_FORMAT,
  type ReceiptBundle,
  TILE_WIDTH,
  type TileId,
  tileOf,
} from '#engines/hashtree/index.ts'
import { type Db, raw, sql, type Tx } from '#kernel/db/index.ts'
import { type EntryRow, entryColumns, type TrailEntry, toEntry } from './model.ts'

export interface StoredCheckpoint {
  readonly size: number
  readonly root: Buffer
  readonly note: string
  readonly at: Date
}

const LIST_MAX = 200

export const lastCheckpoint = (tx: Tx, tenantId: number): Promise<StoredCheckpoint | undefined> =>
  tx.maybe(sql`select size, root, note, at from trail.checkpoint where tenant_id = ${tenantId} order by size desc limit 1`)

/** Newest signed state of a tenant's trail: what witnesses keep. Undefined before the first entry. */
export const findCheckpoint = (db: Db, tenantId: number): Promise<StoredCheckpoint | undefined> =>
  db.read(tenantId, tx => lastCheckpoint(tx, tenantId))

/** Fetches the tiles the given subtrees need; the leaves of the unfinished tile come from the entries. */
async function readNodes(tx: Tx, tenantId: number, nodes: readonly NodeId[], size: number): Promise<NodeReader> {
  const tiles = new Map<string, Buffer>()
  const edge = Math.floor(size / TILE_WIDTH)
  const wanted = nodes.map(tileOf).filter(tile => tile.level > 0 || tile.n < edge)
  if (wanted.length > 0) {
    const rows = await tx.rows<{ level: number; n: number; hashes: Buffer }>(sql`
      select distinct on (t.level, t.n) t.level, t.n, t.hashes from trail.tile t
      join unnest(${wanted.map(tile => tile.level)}::smallint[], ${wanted.map(tile => tile.n)}::bigint[]) as w(level, n) on t.level = w.level and t.n = w.n
      where t.tenant_id = ${tenantId} order by t.level, t.n, t.width desc`)
    for (const row of rows) tiles.set(`${row.level}/${row.n}`, row.hashes)
  }
  if (wanted.length < nodes.length) {
    const rows = await tx.rows<{ leaf: Buffer }>(
      sql`select leaf from trail.entry where tenant_id = ${tenantId} and idx >= ${edge * TILE_WIDTH} and idx < ${size} order by idx`,
    )
    tiles.set(
      `0/${edge}`,
      Buffer.concat(
        rows.map(row => row.leaf),
        rows.length * HASH_BYTES,
      ),
    )
  }
  return node => {
    const { level, n } = tileOf(node)
    return nodeFromTile(node, tiles.get(`${level}/${n}`) ?? Buffer.alloc(0))
  }
}

/** Receipt of one entry against the newest checkpoint; undefined while it has no index yet, or for an unknown id. */
export function proveEntry(db: Db, tenantId: number, entryId: string): Promise<ReceiptBundle | undefined> {
  return db.read(tenantId, async tx => {
    const entry = await tx.maybe<{ idx: number; canonical: string }>(
      sql`select idx, canonical from trail.entry where tenant_id = ${tenantId} and id = ${entryId}`,
    )
    const checkpoint = entry && (await lastCheckpoint(tx, tenantId))
    if (!checkpoint) return undefined
    const { size, note } = checkpoint
    const read = await readNodes(tx, tenantId, inclusionNodes(entry.idx, size), size)
    const path = inclusionPath(entry.idx, size, read).map(hash => hash.toString('base64'))
    return { format: RECEIPT_FORMAT, entry: entry.canonical, index: entry.idx, path, checkpoint: note }
  })
}

/** What a witness that holds the tree of `oldSize` needs to accept the newest one. Undefined without checkpoint; throws RangeError for a size outside it. */
export function proveConsistency(db: Db, tenantId: number, oldSize: number): Promise<{ checkpoint: string; path: Buffer[] } | undefined> {
  return db.read(tenantId, async tx => {
    const last = await lastCheckpoint(tx, tenantId)
    if (!last) return undefined
    const read = await readNodes(tx, tenantId, consistencyNodes(oldSize, last.size), last.size)
    return { checkpoint: last.note, path: consistencyPath(oldSize, last.size, read) }
  })
}

/**
 * The hashes of one tile, as an auditor asks for them: full ones, and unfinished ones up to the newest checkpoint.
 * Undefined for what the tree does not hold (yet).
 */
export function findTile(db: Db, tenantId: number, { level, n, width }: TileId & { readonly width: number }): Promise<Buffer | undefined> {
  return db.read(tenantId, async tx => {
    const bytes = width * HASH_BYTES
    const stored = await tx.maybe<{ hashes: Buffer }>(sql`
      select hashes from trail.tile where tenant_id = ${tenantId} and level = ${level} and n = ${n} and width >= ${width} order by width limit 1`)
    if (stored) return stored.hashes.subarray(0, bytes)
    const size = level === 0 ? ((await lastCheckpoint(tx, tenantId))?.size ?? 0) : 0
    const first = n * TILE_WIDTH
    if (first + width > size) return undefined
    const rows = await tx.rows<{ leaf: Buffer }>(
      sql`select leaf from trail.entry where tenant_id = ${tenantId} and idx >= ${first} and idx < ${first + width} order by idx`,
    )
    return Buffer.concat(
      rows.map(row => row.leaf),
      bytes,
    )
  })
}

/** An entry by its id; undefined while it is not sealed. */
export function findEntry(db: Db, tenantId: number, entryId: string): Promise<TrailEntry | undefined> {
  return db.read(tenantId, async tx => {
    const row = await tx.maybe<EntryRow>(
      sql`select ${raw(entryColumns)} from trail.entry where tenant_id = ${tenantId} and id = ${entryId}`,
    )
    return row && toEntry(row)
  })
}

/** What happened to one thing, oldest first: at most `limit` (200) entries with an index above `after`. */
export function timeline(
  db: Db,
  tenantId: number,
  subjectKind: string,
  subjectId: string,
  { limit = 50, after = -1 }: { readonly limit?: number; readonly after?: number } = {},
): Promise<TrailEntry[]> {
  return db.read(tenantId, async tx => {
    const rows = await tx.rows<EntryRow>(sql`
      select ${raw(entryColumns)} from trail.entry
      where tenant_id = ${tenantId} and subject_kind = ${subjectKind} and subject_id = ${subjectId} and idx > ${after}
      order by idx limit ${Math.min(limit, LIST_MAX)}`)
    return rows.map(toEntry)
  })
}

/** Newest entries of these types about any of these things, at most `limit` (200). */
export function listAbout(
  db: Db,
  tenantId: number,
  about: {
    readonly types: readonly string[]
    readonly subjectKind: string
    readonly subjectIds: readonly string[]
    readonly limit?: number
  },
): Promise<TrailEntry[]> {
  if (about.subjectIds.length === 0) return Promise.resolve([])
  return db.read(tenantId, async tx => {
    const rows = await tx.rows<EntryRow>(sql`
      select ${raw(entryColumns)} from trail.entry
      where tenant_id = ${tenantId} and subject_kind = ${about.subjectKind} and subject_id = any (${[...about.subjectIds]})
        and type = any (${[...about.types]})
      order by idx desc limit ${Math.min(about.limit ?? LIST_MAX, LIST_MAX)}`)
    return rows.map(toEntry)
  })
}
