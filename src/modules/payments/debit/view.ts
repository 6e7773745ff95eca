import { type Ctx, permit } from '#kernel/context.ts'
import { isUuid } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { errors } from '../errors.ts'
import { returnDueAt } from './batches.ts'
import { BATCH, type BatchState, batchStateOf, RETURN_H_MAX, type RowState, rowStateOf } from './model.ts'
import * as store from './store.ts'

export interface DebitBatch {
  readonly id: string
  readonly bank: string
  readonly batchNo: string
  readonly day: string
  readonly state: BatchState
  readonly rows: number
  readonly totalFen: number
  readonly sha256: string | undefined
  readonly debited: store.Sum
  readonly failed: store.Sum
  readonly returned: store.Sum
  readonly unknown: store.Sum
  /** The bank should have answered by now. */
  readonly isLate: boolean
}

export interface DebitFileView {
  readonly kind: string
  readonly name: string
  readonly sha256: string
  readonly rows: number
  readonly totalFen: number
  readonly refused: string | null
  readonly at: Date
}

const fileView = (f: store.FileRow): DebitFileView => ({
  ...{
    kind: f.kind,
    name: f.name,
    sha256: f.sha256.toString('hex'),
    rows: f.rows,
    totalFen: f.totalFen,
    refused: f.refused,
    at: f.exchangedAt,
  },
})

const LISTED_MAX = 60

const NONE: store.Sum = { count: 0, fen: 0 }

function batchView(
  now: Date,
  batch: store.BatchRow,
  sums: readonly (store.Sum & { readonly batchId: string; readonly state: number })[],
): DebitBatch {
  const sumOf = (...states: RowState[]): store.Sum =>
    sums
      .filter(sum => sum.batchId === batch.id && states.includes(rowStateOf(sum.state)))
      .reduce((total, { count, fen }) => ({ count: total.count + count, fen: total.fen + fen }), NONE)
  const { id, bank, batchNo, day, rows, totalFen, state, sealedAt } = batch
  const isWaiting = state >= BATCH.sealed && state <= BATCH.acked
  return {
    ...{ id, bank, batchNo, day, rows, totalFen, state: batchStateOf(state), sha256: batch.sha256?.toString('hex') },
    ...{ debited: sumOf('debited', 'late'), failed: sumOf('failed'), returned: sumOf('returned'), unknown: sumOf('waiting', 'unknown') },
    isLate: isWaiting && sealedAt !== null && now >= returnDueAt(sealedAt, RETURN_H_MAX),
  }
}

/** The newest batches with what became of their debits, and files that belong to none. */
export async function listDebitBatches(
  ctx: Ctx,
): Promise<Result<{ readonly batches: readonly DebitBatch[]; readonly loose: readonly DebitFileView[] }>> {
  const allowed = permit(ctx, 'payments.debit.read')
  if (!allowed.ok) return allowed
  const now = ctx.kernel.clock.now()
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const batches = await store.listBatches(tx, ctx.tenantId, LISTED_MAX)
    const sums = await store.sumRows(
      tx,
      ctx.tenantId,
      batches.map(b => b.id),
    )
    const loose = await store.listLooseFiles(tx, ctx.tenantId, LISTED_MAX)
    return ok({ batches: batches.map(batch => batchView(now, batch, sums)), loose: loose.map(fileView) })
  })
}

export interface DebitRowView {
  readonly seq: number | null
  readonly orderId: string
  readonly orderNo: string
  readonly purpose: string
  readonly amountFen: number
  readonly state: RowState
  readonly failure: string | null
  readonly bankNo: string | null
}

export interface DebitBatchDetail extends DebitBatch {
  readonly list: readonly DebitRowView[]
  readonly failures: readonly { readonly failure: string; readonly count: number }[]
  readonly files: readonly DebitFileView[]
}

/** One batch with each of its debits, and every file about it. */
export async function findDebitBatch(ctx: Ctx, id: string): Promise<Result<DebitBatchDetail>> {
  const allowed = permit(ctx, 'payments.debit.read')
  if (!allowed.ok) return allowed
  const now = ctx.kernel.clock.now()
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const batch = isUuid(id) ? await store.findBatch(tx, ctx.tenantId, id) : undefined
    if (!batch) return fail(errors.debit_batch_not_found)
    const rows = await store.listRows(tx, ctx.tenantId, id)
    const failures = new Map<string, number>()
    for (const { failure } of rows) if (failure) failures.set(failure, (failures.get(failure) ?? 0) + 1)
    return ok({
      ...batchView(now, batch, await store.sumRows(tx, ctx.tenantId, [id])),
      list: rows
        .map(({ seq, orderId, orderNo, purpose, amountFen, state, failure, bankNo }) => ({
          ...{ seq, orderId, orderNo, purpose, amountFen, failure, bankNo },
          state: rowStateOf(state),
        }))
        .sort((a, b) => (a.seq ?? Number.MAX_SAFE_INTEGER) - (b.seq ?? Number.MAX_SAFE_INTEGER)),
      failures: [...failures].map(([failure, count]) => ({ failure, count })),
      files: (await store.listFiles(tx, ctx.tenantId, id)).map(fileView),
    })
  })
}

/** Batches whose answer is overdue: what waits for somebody. */
export async function countLateBatches(ctx: Ctx): Promise<Result<number>> {
  const listed = await listDebitBatches(ctx)
  return listed.ok ? ok(listed.value.batches.filter(batch => batch.isLate).length) : listed
}

export interface OrderDebit {
  readonly orderId: string
  readonly batchId: string
  readonly batchNo: string
  readonly day: string
  readonly state: RowState
  readonly failure: string | null
}

/** How the debits of some orders stand, by order. */
export async function mapOrderDebits(ctx: Ctx, orderIds: readonly string[]): Promise<Map<string, OrderDebit>> {
  if (orderIds.length === 0) return new Map()
  const rows = await ctx.kernel.db.read(ctx.tenantId, tx => store.listRowsOfOrders(tx, ctx.tenantId, orderIds))
  return new Map(
    rows.map(row => [
      row.orderId,
      {
        orderId: row.orderId,
        batchId: row.batchId,
        batchNo: row.batchNo,
        day: row.batchDay,
        state: rowStateOf(row.state),
        failure: row.failure,
      },
    ]),
  )
}
