import { createHash } from 'node:crypto'
import { type Ctx, makeId } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addMs, timeOfDay } from '#kernel/time.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { attemptSubmitted, debitBatchMoved, debitBatchSealed } from '../events.ts'
import { ATTEMPT, DEBIT, ORDER, outTradeNoOf } from '../model.ts'
import { ensureMerchantIn } from '../service/facts.ts'
import * as payments from '../store.ts'
import { fitText, type OutRow, ROWS_MAX, renderFile, stampOf } from './layout.ts'
import { openCard } from './mandates.ts'
import {
  BATCH,
  type BatchEvent,
  batchDay,
  batchNoOf,
  DEBIT_ROW_NOTE_BYTES,
  MANDATE,
  nextBatchState,
  ROW,
  SEAL_AT,
  statesBefore,
} from './model.ts'
import type { DebitBank } from './ports.ts'
import * as store from './store.ts'

/** The account at the bank whose debits of one batch are on their way to us. */
export const transitOf = (batch: Pick<store.BatchRow, 'bank' | 'batchNo'>): string => `${batch.bank}:${batch.batchNo}`

/**
 * Puts an open order into today's batch, in the caller's transaction: from now on nobody else can pay it. What is paid when the
 * bank says so is fixed here, as with every attempt.
 */
export async function addToBatch(
  tx: Tx,
  ctx: Ctx,
  input: { readonly orderId: string; readonly mandateId: string },
): Promise<Result<{ readonly batchId: string; readonly day: string }>> {
  const { tenantId } = ctx
  const mandate = await store.lockMandate(tx, tenantId, input.mandateId)
  if (mandate?.state !== MANDATE.active) return fail(errors.debit_mandate_not_active)
  const batch = await openBatch(tx, ctx, mandate.bank)
  const order = await payments.lockOrder(tx, tenantId, input.orderId)
  if (order.state !== ORDER.open || order.place !== DEBIT) return fail(errors.order_not_open)
  const merchant = await payments.getMerchant(tx, tenantId, { channel: DEBIT, mchid: transitOf(batch) })
  const lines = await payments.listLines(tx, tenantId, order.id)
  const id = makeId(ctx)
  const { amountFen } = order
  const orderNo = outTradeNoOf(tenantId, id)
  await payments.insertAttempt(tx, tenantId, {
    ...{ id, orderId: order.id, channel: DEBIT, mchid: merchant.mchid, product: DEBIT, outTradeNo: orderNo, amountFen },
    ...{ createdAt: ctx.kernel.clock.now(), expiresAt: order.expiresAt },
    accounts: [merchant.clearingAccountId, ...lines.map(line => line.payeeAccountId)],
    amounts: [amountFen, ...lines.map(line => -line.amountFen)],
  })
  await payments.moveAttempt(tx, tenantId, id, [ATTEMPT.init], ATTEMPT.submitted)
  await append(tx, ctx, attemptSubmitted, {
    subjectId: order.id,
    body: { attempt: id, channel: DEBIT, product: DEBIT, out_trade_no: orderNo },
  })
  const purpose = fitText(order.title, DEBIT_ROW_NOTE_BYTES)
  await store.insertRow(tx, tenantId, {
    ...{ attemptId: id, batchId: batch.id, orderId: order.id, mandateId: mandate.id, orderNo, amountFen, purpose },
  })
  await store.addToDraft(tx, tenantId, batch.id, 1, amountFen)
  return ok({ batchId: batch.id, day: batch.day })
}

async function openBatch(tx: Tx, ctx: Ctx, bank: string): Promise<store.BatchRow> {
  const { tenantId, kernel } = ctx
  const now = kernel.clock.now()
  const day = batchDay(now)
  await store.lockBank(tx, tenantId, bank)
  const draft = await store.lockDraft(tx, tenantId, bank, day, ROWS_MAX)
  if (draft) return draft
  const batch = {
    id: makeId(ctx),
    bank,
    day,
    batchNo: batchNoOf(day, (await store.countBatches(tx, tenantId, bank, day)) + 1),
    openedAt: now,
  }
  await store.insertBatch(tx, tenantId, batch)
  await ensureMerchantIn(tx, ctx, DEBIT, transitOf(batch))
  return store.lockBatch(tx, tenantId, batch.id)
}

const fileCell = (id: string): string => `payments|debit_file|${id}`
export const openFile = (ctx: Ctx, f: { readonly id: string; readonly bytesSealed: Buffer }): Buffer =>
  ctx.kernel.vault.openBytes(ctx.tenantId, fileCell(f.id), f.bytesSealed)

/** Keeps a file as it was; false when the same bytes were kept before. */
export async function keepFile(
  tx: Tx,
  ctx: Ctx,
  file: Omit<store.FileRow, 'id' | 'sha256' | 'exchangedAt'> & { readonly bytes: Buffer; readonly id?: string },
): Promise<boolean> {
  const { bytes, id = makeId(ctx), ...rest } = file
  return store.insertFile(tx, ctx.tenantId, {
    ...rest,
    id,
    sha256: createHash('sha256').update(bytes).digest(),
    exchangedAt: ctx.kernel.clock.now(),
    bytesSealed: ctx.kernel.vault.seal(ctx.tenantId, fileCell(id), bytes),
  })
}

export const fileNameOf = (bank: string, batchNo: string): string => `YM_${bank}_${batchNo}_O.txt`

/** Moves a batch by an event of its machine and tells the trail; false when it is not where that event can happen. */
export async function moveBatch(tx: Tx, ctx: Ctx, batchId: string, event: BatchEvent): Promise<boolean> {
  const { state } = await store.lockBatch(tx, ctx.tenantId, batchId)
  const from = statesBefore(event).find(known => known === state)
  const name = Object.entries(BATCH).find(([, known]) => known === from)?.[0] as keyof typeof BATCH | undefined
  const to = name && nextBatchState(name, event)
  if (!to || !(await store.moveBatch(tx, ctx.tenantId, batchId, [state], BATCH[to], ctx.kernel.clock.now()))) return false
  await append(tx, ctx, debitBatchMoved, { subjectId: batchId, body: { event } })
  return true
}

/**
 * Closes a draft to further change: its rows are numbered, the file is written and kept, and its number, sum and digest are on
 * the record before a byte of it leaves. A draft everybody withdrew from is closed without a file.
 */
export async function sealBatch(ctx: Ctx, batchId: string): Promise<boolean> {
  const { tenantId, kernel } = ctx
  return kernel.db.tx(tenantId, async tx => {
    const batch = await store.lockBatch(tx, tenantId, batchId)
    if (batch.state !== BATCH.draft) return false
    const rows = (await store.listRows(tx, tenantId, batchId)).filter(row => row.state === ROW.waiting)
    if (rows.length === 0) return moveBatch(tx, ctx, batchId, 'emptied')
    const mandates = new Map((await store.listMandates(tx, tenantId, [...new Set(rows.map(row => row.mandateId))])).map(m => [m.id, m]))
    const details = rows.map((row, i): OutRow => {
      const mandate = mandates.get(row.mandateId)!
      const { orderNo, amountFen, purpose } = row
      return { seq: i + 1, orderNo, mandateNo: mandate.mandateNo, card: openCard(ctx, mandate), amountFen, purpose }
    })
    const { bank, batchNo } = batch
    const now = kernel.clock.now()
    const bytes = renderFile({ kind: 'O', bank, batchNo, day: batch.day.replaceAll('-', ''), madeAt: stampOf(now), rows: details })
    const totalFen = rows.reduce((sum, row) => sum + row.amountFen, 0)
    const sha256 = createHash('sha256').update(bytes).digest()
    await store.numberRows(
      tx,
      tenantId,
      rows.map(row => row.attemptId),
    )
    await store.sealBatch(tx, tenantId, batchId, { rows: rows.length, totalFen, sha256 })
    await keepFile(tx, ctx, {
      bank,
      kind: 'O',
      name: fileNameOf(bank, batchNo),
      batchId,
      rows: rows.length,
      totalFen,
      refused: null,
      bytes,
    })
    await moveBatch(tx, ctx, batchId, 'sealed')
    await append(tx, ctx, debitBatchSealed, {
      subjectId: batchId,
      body: { batch_no: batchNo, rows: rows.length, total_fen: totalFen, sha256: sha256.toString('hex') },
    })
    return true
  })
}

/** Whether a draft takes no more: its day is over, or the hour of sealing has come. */
export const isSealDue = (now: Date, batch: Pick<store.BatchRow, 'day'>): boolean =>
  batch.day < batchDay(now) || (batch.day === batchDay(now) && timeOfDay(now) >= SEAL_AT)

/** Hands a sealed file to the bank. The same bytes under the same name may be put again, so a lost answer is no more than that. */
export async function sendBatch(ctx: Ctx, bank: DebitBank, batch: store.BatchRow): Promise<void> {
  const { db } = ctx.kernel
  const file = await db.read(ctx.tenantId, tx => store.findOutFile(tx, ctx.tenantId, batch.id))
  const put = await bank.putFile(file.name, openFile(ctx, file))
  if (put.kind === 'taken') await db.tx(ctx.tenantId, tx => moveBatch(tx, ctx, batch.id, 'sent'))
  else ctx.kernel.log.warn({ batch: batch.batchNo, outcome: put.kind }, 'debit file not handed over yet')
}

/** A batch whose answer is complete is over, whether it came in one file or row by row. */
export async function closeSettled(tx: Tx, ctx: Ctx, batchId: string): Promise<void> {
  const { state } = await store.lockBatch(tx, ctx.tenantId, batchId)
  if (state === BATCH.draft || (await store.countUnknown(tx, ctx.tenantId, batchId)) > 0) return
  await moveBatch(tx, ctx, batchId, 'settled')
}

/** Instant by which the bank should have answered. */
export const returnDueAt = (sealedAt: Date, hours: number): Date => addMs(sealedAt, hours * 3_600_000)
