import assert from 'node:assert/strict'
import { type Ctx, makeId } from '#kernel/context.ts'
import { ensureAccount } from '#modules/ledger/index.ts'
import { ensureMerchant, outTradeNoOf, placeOrder } from '../index.ts'
import * as store from '../store.ts'

export const PAID_AT = new Date('2026-11-20T08:30:15.123Z')

export interface Open {
  readonly subjectId: string
  readonly orderId: string
  readonly amountFen: number
  /** Two per order: the second is what a resident's other phone would have started. */
  readonly attempts: readonly string[]
}

/** Open orders of one line each, with attempts as they stand after the payer went to the wallet. */
export async function openOrders(ctx: Ctx, count: number): Promise<Open[]> {
  await ensureMerchant(ctx, 'wechat', '1900000109')
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const payee = await ensureAccount(tx, ctx, '2202:water')
    const clearing = await ensureAccount(tx, ctx, '1012:wechat:1900000109')
    const opened: Open[] = []
    for (let i = 0; i < count; i++) {
      const amountFen = 1_000 + i
      const line = { subjectKind: 'bill', subjectId: makeId(ctx), payeeAccountId: payee, amountFen, title: '水费' }
      const placed = await placeOrder(tx, ctx, { lines: [line], title: '水费', payer: 'browser:test', place: 'phone' })
      assert.ok(placed.ok)
      const attempts = [makeId(ctx), makeId(ctx)]
      for (const id of attempts)
        await store.insertAttempt(tx, ctx.tenantId, {
          id,
          orderId: placed.value.orderId,
          channel: 'wechat',
          mchid: '1900000109',
          product: 'h5',
          outTradeNo: outTradeNoOf(ctx.tenantId, id),
          amountFen,
          createdAt: PAID_AT,
          expiresAt: PAID_AT,
          accounts: [clearing, payee],
          amounts: [amountFen, -amountFen],
        })
      opened.push({ subjectId: line.subjectId, orderId: placed.value.orderId, amountFen, attempts })
    }
    return opened
  })
}
