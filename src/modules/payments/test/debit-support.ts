import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import type { TestKernel } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { checkLedger, ensureAccount } from '#modules/ledger/index.ts'
import { openFile, sealBatch } from '../debit/batches.ts'
import { type DebitFile, type OutRow, parseFile, type ReturnRow, renderFile, stampOf } from '../debit/layout.ts'
import { MANDATE } from '../debit/model.ts'
import * as debits from '../debit/store.ts'
import { addToBatch, checkDebits, checkPayments, DEBIT, type DebitBank, openMandate, placeOrder, useDebitBank } from '../index.ts'

export const CARD = '4111111111111111'
export const BANK = 'demobank'

/** A bank that answers nothing: files are handed over by the test itself. */
const silent = { kind: 'unknown', why: 'silent' } as const
export const silentBank: DebitBank = {
  code: BANK,
  registerMandate: async () => silent,
  queryMandate: async () => silent,
  endMandate: async () => silent,
  putFile: async () => silent,
  listFiles: async () => silent,
  getFile: async () => silent,
  queryDebit: async () => silent,
  refund: async () => silent,
  queryRefund: async () => silent,
}

/** A mandate the bank has agreed to. */
export async function activeMandate(ctx: Ctx): Promise<string> {
  useDebitBank(ctx.tenantId, silentBank)
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const { mandateId } = unwrap(await openMandate(tx, ctx, { payer: `resident:${makeId(ctx)}`, card: CARD }))
    await debits.moveMandate(tx, ctx.tenantId, mandateId, [MANDATE.registering], MANDATE.active, { at: ctx.kernel.clock.now() })
    return mandateId
  })
}

export interface Asked {
  readonly subjectId: string
  readonly orderId: string
  readonly amountFen: number
  readonly batchId: string
}

/** Places an order of two lines for a new subject and puts it into the day's batch. */
export const askDebit = (ctx: Ctx, mandateId: string, amountFen: number, subjectId = makeId(ctx)): Promise<Asked> =>
  ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const payee = await ensureAccount(tx, ctx, '2202:water')
    const line = { subjectId, payeeAccountId: payee, title: '水费 2026-10' }
    const placed = await placeOrder(tx, ctx, {
      lines: [
        { ...line, subjectKind: 'bill', amountFen: amountFen - 1 },
        { ...line, subjectKind: 'late_fee', amountFen: 1 },
      ],
      ...{ title: '水费 2026-10', payer: 'resident:test', place: DEBIT, expiresAt: addMs(ctx.kernel.clock.now(), 10 * 86_400_000) },
    })
    const { orderId } = unwrap(placed)
    const { batchId } = unwrap(await addToBatch(tx, ctx, { orderId, mandateId }))
    return { subjectId, orderId, amountFen, batchId }
  })

/** Seals a batch and reads what was written for the bank. */
export async function sealed(ctx: Ctx, batchId: string): Promise<{ file: DebitFile<'O'>; bytes: Buffer }> {
  assert.ok(await sealBatch(ctx, batchId))
  const out = await ctx.kernel.db.read(ctx.tenantId, tx => debits.findOutFile(tx, ctx.tenantId, batchId))
  const bytes = openFile(ctx, out)
  return { file: parseFile(bytes) as DebitFile<'O'>, bytes }
}

/** Files as the bank would write them about one of ours. */
export function bankFiles(out: DebitFile<'O'>, bytes: Buffer, at: Date) {
  const base = { bank: out.bank, batchNo: out.batchNo, day: out.day, madeAt: stampOf(at) }
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const answer = (row: OutRow, result: string): ReturnRow => ({
    ...{ seq: row.seq, orderNo: row.orderNo, amountFen: row.amountFen, result, note: '' },
    ...(result === '00' ? { bankNo: `N${out.batchNo}${row.seq}`, at: stampOf(at) } : { bankNo: '', at: '' }),
  })
  return {
    answer,
    ack: (result = '00') => renderFile({ ...base, kind: 'A', rows: [{ sha256, result, note: '' }] }),
    returned: (rows: readonly ReturnRow[], madeAt = base.madeAt) => renderFile({ ...base, madeAt, kind: 'R', rows: [...rows] }),
    back: (no: string, rows: readonly OutRow[]) =>
      renderFile({
        ...base,
        batchNo: no,
        kind: 'B',
        rows: rows.map(row => ({ ...answer(row, '00'), result: '99', returnNo: `B${out.batchNo}${row.seq}` })),
      }),
  }
}

export const faults = async (kernel: TestKernel, tenantId = 1) =>
  (await Promise.all([checkLedger, checkPayments, checkDebits].map(check => check(kernel.db, tenantId))))
    .flat()
    .filter(check => check.ok === false)

export const system = (kernel: TestKernel): Ctx => systemCtx(kernel, 1, 'test')
