import type { Logger } from 'pino'
import { edgeTiles, leafHash, type NoteSigner, signCheckpoint, type Tile, TiledTree } from '#engines/hashtree/index.ts'
import { type Db, sql, type Tx } from '#kernel/db/index.ts'
import type { Clock } from '#kernel/time.ts'
import { assertLease, Fenced, type Lease, releaseLease, renewLease, takeLease } from './lease.ts'
import { canonicalEntry, originOf, type PendingEvent } from './model.ts'

/** Events of a batch; the last row taken may bring some more. */
export const BATCH_EVENTS = 1_000
/** Batches of one tenant before the others get their turn. */
const TURN_BATCHES_MAX = 20
const TENANTS_AT_ONCE = 4
const TREES_MAX = 500

export interface SequencerOptions {
  /** Connected as yimen_sequencer. */
  readonly db: Db
  readonly signer: NoteSigner
  /** Signs beside it, under the same name. */
  readonly cosigner?: NoteSigner
  readonly clock: Clock
  readonly log: Logger
  /** Unique name of this process. */
  readonly holder: string
  /** Tenants with `tenant_id % buckets = bucket` are ours; default 0 of 1. */
  readonly bucket?: number
  readonly buckets?: number
  readonly leaseMs?: number
}

export interface Sequencer {
  /** Seals what is pending; gives the number of rows, 0 also while another process holds the lease. */
  drain(): Promise<number>
  /** Gives the lease back. */
  close(): Promise<void>
}

const SQL_TENANTS = `
  with recursive t as (
    (select tenant_id from trail.pending order by tenant_id limit 1)
    union all
    select (select p.tenant_id from trail.pending p where p.tenant_id > t.tenant_id order by p.tenant_id limit 1) from t where t.tenant_id is not null
  ) select tenant_id from t where tenant_id is not null and mod(tenant_id, $1) = $2`

// Ids are time-ordered, so walking the primary key takes the oldest first without an index of its own. A row may hold many
// events: rows are taken until the batch is full.
const SQL_TAKE = `
  with due as (
    select id, sum(cardinality(ids)) over (order by id rows between unbounded preceding and 1 preceding) as before
    from (select id, ids from trail.pending where tenant_id = $1 order by id limit $2) oldest),
  taken as (
    delete from trail.pending where tenant_id = $1 and id = any (array(select id from due where before is null or before < $2)) returning *)
  select t.tenant_id, e.id, t.at, t.type, t.version, t.actor_kind, t.actor_id, t.subject_kind, e.subject_id, t.request_id, e.body
  from taken t cross join lateral unnest(t.ids, t.subject_ids, t.bodies) as e(id, subject_id, body)`

// Every column is read out of the canonical text itself: what can be queried is what was hashed.
const SQL_SEAL = `
  insert into trail.entry (tenant_id, idx, id, at, type, version, actor_kind, actor_id, subject_kind, subject_id, request_id, canonical, body, leaf)
  select $1, $2::bigint + x.n - 1, (e->>'id')::uuid, (e->>'at')::timestamptz, e->>'type', (e->>'version')::smallint, e->'actor'->>'kind', e->'actor'->>'id',
         e->'subject'->>'kind', e->'subject'->>'id', e->>'request', x.canonical, e->'body', substring($4::bytea from (x.n * 32 - 31)::integer for 32)
  from (select t.canonical, t.n, t.canonical::jsonb as e from string_to_table($3, E'\\n') with ordinality as t(canonical, n) offset 0) x`

const byTimeThenId = (a: PendingEvent, b: PendingEvent): number => a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : 1)

/** Rebuilds a tenant's tree from its tiles. Throws Error when it is not the tree of the last checkpoint: nothing is signed on top of it. */
export async function loadTree(tx: Tx, tenantId: number): Promise<TiledTree> {
  const last = await tx.maybe<{ size: number; root: Buffer }>(
    sql`select size, root from trail.checkpoint where tenant_id = ${tenantId} order by size desc limit 1`,
  )
  const size = last?.size ?? 0
  const { beyond } = await tx.one<{ beyond: number }>(
    sql`select count(*) as beyond from trail.entry where tenant_id = ${tenantId} and idx >= ${size}`,
  )
  if (beyond > 0) throw new Error(`tenant ${tenantId}: ${beyond} entries beyond the last checkpoint of ${size}`)
  const edge: Buffer[] = []
  for (const { level, n, width } of edgeTiles(size)) edge.push(await readEdge(tx, tenantId, { level, n, width }, size))
  const tree = TiledTree.restore(size, edge)
  if (last && !tree.root().equals(last.root)) throw new Error(`tenant ${tenantId}: the tiles do not give the root of checkpoint ${size}`)
  return tree
}

async function readEdge(
  tx: Tx,
  tenantId: number,
  { level, n, width }: { level: number; n: number; width: number },
  size: number,
): Promise<Buffer> {
  if (width === 0) return Buffer.alloc(0)
  if (level === 0) {
    const rows = await tx.rows<{ leaf: Buffer }>(
      sql`select leaf from trail.entry where tenant_id = ${tenantId} and idx >= ${size - width} and idx < ${size} order by idx`,
    )
    return Buffer.concat(rows.map(row => row.leaf))
  }
  const row = await tx.maybe<{ hashes: Buffer }>(
    sql`select hashes from trail.tile where tenant_id = ${tenantId} and level = ${level} and n = ${n} and width = ${width}`,
  )
  return row?.hashes ?? Buffer.alloc(0)
}

async function storeTiles(tx: Tx, tenantId: number, tiles: readonly Tile[]): Promise<void> {
  if (tiles.length === 0) return
  const text = `
    insert into trail.tile (tenant_id, level, n, width, hashes)
    select $1, t.level, t.n, octet_length(t.hashes) / 32, t.hashes from unnest($2::smallint[], $3::bigint[], $4::bytea[]) as t(level, n, hashes)`
  await tx.prepared('trail_tiles', text, [
    tenantId,
    tiles.map(tile => tile.level),
    tiles.map(tile => tile.n),
    tiles.map(tile => tile.hashes),
  ])
}

/** Moves pending events into the one order of each tenant, grows the tree and signs its state: one transaction a batch. */
export function createSequencer(options: SequencerOptions): Sequencer {
  const { db, signer, cosigner, clock, log, holder, bucket = 0, buckets = 1, leaseMs = 10_000 } = options
  const trees = new Map<number, TiledTree>()
  // The queue is empty most of the time and its statistics say so: left alone, the planner sorts the whole backlog for
  // every batch (14,500 rows/s instead of 25,000 at a backlog of 60,000, and worse beyond). The walk along the key must stay.
  // The pool waits for it before it gives the connection out.
  db.pool.options.onConnect = async client =>
    void (await client.query('set enable_bitmapscan = off; set enable_seqscan = off; set enable_sort = off'))
  let lease: Lease | undefined
  let renewedAt = 0

  function forget(): void {
    lease = undefined
    trees.clear()
  }

  async function holdLease(): Promise<Lease | undefined> {
    const now = clock.now().getTime()
    if (lease && now - renewedAt > leaseMs / 3) {
      if (await renewLease(db, clock, lease, leaseMs)) renewedAt = now
      else forget()
    }
    if (!lease) {
      lease = await takeLease(db, clock, bucket, holder, leaseMs)
      renewedAt = now
    }
    return lease
  }

  /** One batch; the tree in memory moves only after the commit. */
  async function seal(held: Lease, tenantId: number): Promise<number> {
    const known = trees.get(tenantId)
    trees.delete(tenantId)
    const sealed = await db.tx(tenantId, async tx => {
      await assertLease(tx, held)
      const rows = await tx.prepared<PendingEvent>('trail_take', SQL_TAKE, [tenantId, BATCH_EVENTS])
      const tree = known?.clone() ?? (await loadTree(tx, tenantId))
      if (rows.length === 0) return { count: 0, tree }
      rows.sort(byTimeThenId)
      const texts = rows.map(canonicalEntry)
      const leaves = texts.map(leafHash)
      const first = tree.size
      await tx.prepared('trail_seal', SQL_SEAL, [tenantId, first, texts.join('\n'), Buffer.concat(leaves)])
      await storeTiles(tx, tenantId, tree.append(leaves))
      const root = tree.root()
      const note = signCheckpoint(
        { origin: originOf(signer.name, tenantId), size: tree.size, root },
        signer,
        ...(cosigner ? [cosigner] : []),
      )
      const text = 'insert into trail.checkpoint (tenant_id, size, root, note, at) values ($1, $2, $3, $4, $5)'
      await tx.prepared('trail_checkpoint', text, [tenantId, tree.size, root, note, clock.now()])
      return { count: rows.length, tree }
    })
    if (trees.size >= TREES_MAX) trees.clear()
    trees.set(tenantId, sealed.tree)
    return sealed.count
  }

  /** A tenant whose trail cannot be extended must not hold up the others. */
  async function sealTurn(held: Lease, tenantId: number): Promise<number> {
    let total = 0
    try {
      for (let turn = 0; turn < TURN_BATCHES_MAX; turn++) {
        const count = await seal(held, tenantId)
        total += count
        if (count < BATCH_EVENTS) break
      }
    } catch (error) {
      if (error instanceof Fenced) throw error
      log.error({ err: error, tenantId }, 'trail batch not sealed; it stays pending')
    }
    return total
  }

  return {
    async drain() {
      const held = await holdLease()
      if (!held) return 0
      const { rows } = await db.pool.query<{ tenant_id: number }>(SQL_TENANTS, [buckets, bucket])
      const queue = rows.map(row => row.tenant_id)
      let total = 0
      const work = async () => {
        for (let tenantId = queue.shift(); tenantId !== undefined; tenantId = queue.shift()) {
          const count = await sealTurn(held, tenantId)
          total += count
        }
      }
      const lanes = await Promise.allSettled(Array.from({ length: Math.min(TENANTS_AT_ONCE, queue.length) }, work))
      const failed = lanes.find(lane => lane.status === 'rejected')
      if (failed) {
        forget()
        if (!(failed.reason instanceof Fenced)) throw failed.reason
        log.warn({ holder }, 'another sequencer has taken over')
      }
      return total
    },
    async close() {
      const held = lease
      forget()
      if (held) await releaseLease(db, clock, held)
    },
  }
}
