import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import { CommitUnknown, DatabaseUnavailable, empty, isConnectionLoss, isDiskFull, raw, type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { type EntryRow, entryColumns, type TrailEntry, toEntry } from './model.ts'

const BATCH_MAX = 200
/** Batches of one subscriber per run, so that every subscriber gets its turn. */
const TURN_BATCHES_MAX = 50
/** Tries of one entry, one per run, before it is skipped in sight. */
export const ATTEMPTS_MAX = 5
const ERROR_CHARS_MAX = 1_000

export interface Delivery {
  readonly tx: Tx
  readonly ctx: Ctx
  readonly entry: TrailEntry
}

export interface BatchDelivery {
  readonly tx: Tx
  readonly ctx: Ctx
  readonly tenantId: number
  /** In order, at least one. */
  readonly entries: readonly TrailEntry[]
}

interface Listening {
  /** Name of the cursor: `billing.remind`. Changing it starts from the beginning. */
  readonly name: string
  /** Event types, or '*' for every one. */
  readonly types: readonly string[] | '*'
}

/** Takes entries one by one, or many at once where that is cheaper. Idempotent; its effects and the cursor commit together. */
export type Subscriber = Listening &
  ({ handle(delivery: Delivery): Promise<void> } | { handleBatch(delivery: BatchDelivery): Promise<void> })

const subscribers = new Map<string, Subscriber>()

/** Registers a subscriber; one of the same name is replaced, since a process may put the application together more than once. */
export function subscribe(subscriber: Subscriber): void {
  subscribers.set(subscriber.name, subscriber)
}

export const listSubscribers = (): Subscriber[] => [...subscribers.values()]

interface Turn {
  readonly handled: number
  readonly moved: number
}

/** Which entry threw, once known: a batch of several does not tell. */
interface Failing {
  idx?: number
  isBatch?: boolean
}

/**
 * Brings every subscriber (or the given ones) up to date with a tenant's trail; returns the number of entries handled.
 * An entry that fails stops its own subscriber until the next run, and is skipped after 5 tries.
 */
export async function runSubscribers(kernel: Kernel, tenantId: number, only: readonly Subscriber[] = listSubscribers()): Promise<number> {
  let handled = 0
  for (const subscriber of only) handled += await catchUp(kernel, tenantId, subscriber)
  return handled
}

async function catchUp(kernel: Kernel, tenantId: number, subscriber: Subscriber): Promise<number> {
  let handled = 0
  let most = BATCH_MAX
  for (let turn = 0; turn < TURN_BATCHES_MAX + BATCH_MAX; turn++) {
    const failing: Failing = {}
    try {
      const done = await deliver(kernel, tenantId, subscriber, most, failing)
      handled += done.handled
      if (done.moved === 0) break
    } catch (error) {
      if (isOutage(error) || (failing.idx === undefined && !failing.isBatch)) throw error
      if (failing.idx === undefined) {
        // One by one from here, until the bad one shows itself.
        most = 1
        continue
      }
      handled += await stepAround(kernel, tenantId, subscriber, failing.idx, error)
      break
    }
  }
  return handled
}

/** The database being away says nothing about the entry. */
const isOutage = (error: unknown): boolean =>
  error instanceof CommitUnknown || error instanceof DatabaseUnavailable || isConnectionLoss(error) || isDiskFull(error)

async function lockCursor(tx: Tx, tenantId: number, name: string): Promise<number> {
  await tx.run(sql`insert into trail.cursor (tenant_id, name, idx) values (${tenantId}, ${name}, -1) on conflict do nothing`)
  const { idx } = await tx.one<{ idx: number }>(
    sql`select idx from trail.cursor where tenant_id = ${tenantId} and name = ${name} for update`,
  )
  return idx
}

const moveCursor = (tx: Tx, tenantId: number, name: string, idx: number): Promise<number> =>
  tx.run(sql`update trail.cursor set idx = ${idx} where tenant_id = ${tenantId} and name = ${name}`)

async function hand(subscriber: Subscriber, tx: Tx, ctx: Ctx, rows: readonly EntryRow[], failing: Failing): Promise<void> {
  const entries: TrailEntry[] = []
  for (const row of rows) {
    failing.idx = row.idx
    const entry = toEntry(row)
    if ('handle' in subscriber) await subscriber.handle({ tx, ctx, entry })
    else entries.push(entry)
  }
  if ('handleBatch' in subscriber && entries.length > 0) {
    if (entries.length > 1) {
      delete failing.idx
      failing.isBatch = true
    }
    await subscriber.handleBatch({ tx, ctx, tenantId: ctx.tenantId, entries })
  }
  delete failing.idx
  delete failing.isBatch
}

/** Handles up to `most` of the next entries in one transaction; notes in `failing` which one threw. */
function deliver(kernel: Kernel, tenantId: number, subscriber: Subscriber, most: number, failing: Failing): Promise<Turn> {
  const { name, types } = subscriber
  const ctx = systemCtx(kernel, tenantId, name)
  return kernel.db.tx(tenantId, async tx => {
    delete failing.idx
    delete failing.isBatch
    const from = await lockCursor(tx, tenantId, name)
    const { head } = await tx.one<{ head: number }>(sql`
      select coalesce(max(idx), ${from}) as head from (
        select idx from trail.entry where tenant_id = ${tenantId} and idx > ${from} order by idx limit ${most}) as next`)
    if (head === from) return { handled: 0, moved: 0 }
    const rows = await tx.rows<EntryRow>(sql`
      select ${raw(entryColumns)} from trail.entry
      where tenant_id = ${tenantId} and idx > ${from} and idx <= ${head} ${types === '*' ? empty : sql`and type = any (${[...types]})`} order by idx`)
    await hand(subscriber, tx, ctx, rows, failing)
    await moveCursor(tx, tenantId, name, head)
    return { handled: rows.length, moved: head - from }
  })
}

/** Hands over what stands before the bad entry, then counts the failure, moving past it once the tries are used up. */
async function stepAround(kernel: Kernel, tenantId: number, subscriber: Subscriber, idx: number, error: unknown): Promise<number> {
  const { name } = subscriber
  const cursor = await kernel.db.tx(tenantId, tx => lockCursor(tx, tenantId, name))
  const before = idx - cursor - 1
  const done = before > 0 ? await deliver(kernel, tenantId, subscriber, before, {}) : { handled: 0, moved: 0 }
  const text = (error instanceof Error ? error.message : String(error)).slice(0, ERROR_CHARS_MAX).toWellFormed().replaceAll('\0', '')
  await kernel.db.tx(tenantId, async tx => {
    const at = kernel.clock.now()
    if ((await lockCursor(tx, tenantId, name)) !== idx - 1) return
    const { attempts } = await tx.one<{ attempts: number }>(sql`
      insert into trail.cursor_failure as f (tenant_id, name, idx, error, attempts, failed_at) values (${tenantId}, ${name}, ${idx}, ${text}, 1, ${at})
      on conflict (tenant_id, name, idx) do update set error = excluded.error, attempts = f.attempts + 1, failed_at = excluded.failed_at
      returning attempts`)
    kernel.log.error({ err: error, tenantId, subscriber: name, idx, attempts }, 'trail entry not handled')
    if (attempts < ATTEMPTS_MAX) return
    await tx.run(sql`update trail.cursor_failure set skipped_at = ${at} where tenant_id = ${tenantId} and name = ${name} and idx = ${idx}`)
    await moveCursor(tx, tenantId, name, idx)
  })
  return done.handled
}

/**
 * Events a subscriber has not worked through yet, sealed or pending, for figures exact between its runs: joined with
 * what it has folded in one statement, nothing is counted twice or missed. Columns type, version, subject_kind, subject_id, body.
 */
export const unfolded = (tenantId: number, name: string): Sql => sql`
  select type, version, subject_kind, subject_id, body from trail.entry
  where tenant_id = ${tenantId} and idx > coalesce((select idx from trail.cursor where tenant_id = ${tenantId} and name = ${name}), -1)
  union all
  select type, version, subject_kind, subject_id, body from trail.pending_event where tenant_id = ${tenantId}`

/** Everything recorded of these types, sealed or not: what has no row here was done in silence. Columns id, subject_id, body. */
export const recorded = (tenantId: number, types: readonly string[]): Sql => sql`
  select id, subject_id, body from trail.entry where tenant_id = ${tenantId} and type = any(${[...types]}::text[])
  union all
  select id, subject_id, body from trail.pending_event where tenant_id = ${tenantId} and type = any(${[...types]}::text[])`

export interface CursorState {
  readonly name: string
  readonly idx: number
  /** Entries not yet looked at. */
  readonly behind: number
  /** Entries given up on. */
  readonly skipped: number
}

/** Where each subscriber stands, for the console and metrics. */
export function listCursors(kernel: Kernel, tenantId: number): Promise<CursorState[]> {
  return kernel.db.read(tenantId, tx =>
    tx.rows<CursorState>(sql`
      select c.name, c.idx, coalesce((select max(e.idx) from trail.entry e where e.tenant_id = ${tenantId}), -1) - c.idx as behind,
             (select count(*) from trail.cursor_failure f where f.tenant_id = ${tenantId} and f.name = c.name and f.skipped_at is not null) as skipped
      from trail.cursor c where c.tenant_id = ${tenantId} order by c.name limit 500`),
  )
}
