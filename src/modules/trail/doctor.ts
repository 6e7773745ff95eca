import { CompactRange, canonicalJson, leafHash, openCheckpoint, TILE_WIDTH, verifierOf } from '#engines/hashtree/index.ts'
import { type Db, sql, type Tx } from '#kernel/db/index.ts'

const PAGE_ROWS = 2_000
const EXAMPLES_MAX = 5

/** Result of one check of the record, in every module's doctor. */
export interface Check {
  readonly id: string
  readonly name: string
  readonly ok: boolean | 'not applicable'
  readonly detail: string
}

interface CheckedRow {
  idx: number
  canonical: string
  leaf: Buffer
  agrees: boolean
}

interface CheckedCheckpoint {
  size: number
  root: Buffer
  note: string
}

/** Faults by check, with the first few named. */
class Faults {
  readonly #found = new Map<string, string[]>()

  add(id: string, what: string): void {
    const list = this.#found.get(id) ?? []
    list.push(what)
    this.#found.set(id, list)
  }

  check(id: string, name: string, good: string): Check {
    const list = this.#found.get(id) ?? []
    if (list.length === 0) return { id, name, ok: true, detail: good }
    const more = list.length > EXAMPLES_MAX ? ` and ${list.length - EXAMPLES_MAX} more` : ''
    return { id, name, ok: false, detail: `${list.slice(0, EXAMPLES_MAX).join('; ')}${more}` }
  }
}

// Columns other than the canonical text are for querying; they must not tell another story. `offset 0` keeps the text
// from being parsed once per comparison.
const page = (tx: Tx, tenantId: number, from: number, to: number): Promise<CheckedRow[]> =>
  tx.rows(sql`
    select idx, canonical, leaf,
      (c->>'id')::uuid = id and (c->>'at')::timestamptz = at and c->>'type' = type and (c->>'version')::int = version and c->'body' = body
        and c->'actor'->>'kind' = actor_kind and c->'actor'->>'id' = actor_id and c->'subject'->>'kind' = subject_kind
        and c->'subject'->>'id' = subject_id and c->>'request' = request_id and (c->>'tenant')::int = tenant_id as agrees
    from (select *, canonical::jsonb as c from trail.entry where tenant_id = ${tenantId} and idx >= ${from} and idx < ${to} offset 0) as e
    order by idx`)

async function nextIndex(tx: Tx, tenantId: number, from: number, head: number): Promise<number> {
  const row = await tx.one<{ idx: number }>(
    sql`select coalesce(min(idx), ${head}::bigint) as idx from trail.entry where tenant_id = ${tenantId} and idx >= ${from} and idx < ${head}`,
  )
  return row.idx
}

/** Walks the whole trail once, rebuilding the tree and meeting each checkpoint and leaf tile on the way. */
async function walk(tx: Tx, tenantId: number, head: number, checkpoints: readonly CheckedCheckpoint[], faults: Faults): Promise<number> {
  const range = new CompactRange()
  let next = 0
  let tile: Buffer[] = []
  const tiles = new Map<number, Buffer>()
  let after = -1
  for (let from = 0; from < head; ) {
    const rows = await page(tx, tenantId, from, Math.min(from + PAGE_ROWS, head))
    if (rows.length === 0) {
      // A hole wider than a page is stepped over, not walked through.
      from = await nextIndex(tx, tenantId, from, head)
      continue
    }
    from += PAGE_ROWS
    const firstTile = Math.floor(rows[0]!.idx / TILE_WIDTH)
    const lastTile = Math.floor(rows.at(-1)!.idx / TILE_WIDTH)
    const stored = await tx.rows<{ n: number; hashes: Buffer }>(
      sql`select n, hashes from trail.tile where tenant_id = ${tenantId} and level = 0 and n between ${firstTile} and ${lastTile}`,
    )
    tiles.clear()
    for (const row of stored) tiles.set(row.n, row.hashes)
    for (const row of rows) {
      if (row.idx !== after + 1) faults.add('trail.contiguous', `after ${after} comes ${row.idx}`)
      after = row.idx
      const leaf = leafHash(row.canonical)
      if (!leaf.equals(row.leaf)) faults.add('trail.leaf', `entry ${row.idx}: the leaf is not the hash of the text`)
      if (!row.agrees || canonicalJson(JSON.parse(row.canonical)) !== row.canonical)
        faults.add('trail.columns', `entry ${row.idx}: columns and text differ`)
      range.append(leaf)
      tile.push(leaf)
      if (tile.length === TILE_WIDTH) {
        const n = range.size / TILE_WIDTH - 1
        if (!tiles.get(n)?.equals(Buffer.concat(tile))) faults.add('trail.tiles', `tile 0/${n} is missing or differs`)
        tile = []
      }
      for (; checkpoints[next] && checkpoints[next]!.size <= range.size; next++) {
        if (!checkpoints[next]!.root.equals(range.root()))
          faults.add('trail.consistent', `checkpoint ${checkpoints[next]!.size} is not the state of this tree`)
      }
    }
  }
  if (after + 1 !== head) faults.add('trail.contiguous', `after ${after} nothing follows up to ${head}`)
  for (const missing of checkpoints.slice(next)) faults.add('trail.consistent', `checkpoint ${missing.size} is larger than the trail`)
  const last = checkpoints.at(-1)
  if (last?.size !== range.size || !last.root.equals(range.root()))
    faults.add('trail.root', `${range.size} entries, last checkpoint ${last?.size ?? 'none'}`)
  return range.size
}

/**
 * Rebuilds a tenant's trail from its texts and compares everything stored with it. `vkeys` are pinned verifier keys;
 * without them signatures are not applicable. Every checkpoint is met on the way, so all are consistent with each other.
 * Reads the whole trail: nightly work.
 */
export function checkTrail(db: Db, tenantId: number, vkeys: readonly string[] = []): Promise<Check[]> {
  return db.read(tenantId, async tx => {
    // One snapshot of how far both go; what is added while we read is the next run's.
    const { head } = await tx.one<{ head: number }>(sql`
      select greatest((select max(idx) + 1 from trail.entry where tenant_id = ${tenantId}), (select max(size) from trail.checkpoint where tenant_id = ${tenantId}), 0) as head`)
    const checkpoints = await tx.rows<CheckedCheckpoint>(
      sql`select size, root, note from trail.checkpoint where tenant_id = ${tenantId} and size <= ${head} order by size`,
    )
    const faults = new Faults()
    const size = await walk(tx, tenantId, head, checkpoints, faults)
    const verifiers = vkeys.map(verifierOf)
    for (const { size: at, root, note } of checkpoints) {
      const opened = openCheckpoint(note, verifiers)
      if (!opened.ok) faults.add('trail.signed', `checkpoint ${at}: ${opened.why}`)
      else if (opened.checkpoint.size !== at || !opened.checkpoint.root.equals(root))
        faults.add('trail.signed', `checkpoint ${at}: the note says something else`)
    }
    const good = `${size} entries, ${checkpoints.length} checkpoints`
    const results = [
      faults.check('trail.contiguous', 'the index has no gap', good),
      faults.check('trail.leaf', 'each leaf is the hash of its entry', good),
      faults.check('trail.columns', 'the columns say what was hashed', good),
      faults.check('trail.tiles', 'stored tiles match the leaves', good),
      faults.check('trail.root', 'the rebuilt root is the last checkpoint', good),
      faults.check('trail.consistent', 'each checkpoint is the beginning of the next', good),
      faults.check('trail.signed', 'each checkpoint is signed by a pinned key', good),
    ]
    const isEmpty = size === 0 && checkpoints.length === 0
    const isMoot = (check: Check) => isEmpty || (check.id === 'trail.signed' && vkeys.length === 0)
    const why = isEmpty ? 'the trail is empty' : 'no pinned keys given'
    return results.map(check => (isMoot(check) ? { ...check, ok: 'not applicable' as const, detail: why } : check))
  })
}
