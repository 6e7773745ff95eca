import assert from 'node:assert/strict'
import type { Ctx } from '#kernel/context.ts'
import { type Sql, sql } from '#kernel/db/index.ts'
import { addMs, startOfDay } from '#kernel/time.ts'
import { reconcileStatement, recordPaid } from '../index.ts'
import { outTradeNoOf } from '../model.ts'
import { type PaymentChannel, type StatementLine, StatementRefused, type TradeFact } from '../ports.ts'
import { openOrders } from './support.ts'

export const DAY = '2026-11-20'
export const NOON = addMs(startOfDay(DAY), 12 * 3_600_000)

const fault = () => {
  throw new Error('not to be called')
}

/** A channel whose statement is JSON and whose answers are given by the test. */
export function statedChannel(answers: { trade?: (outTradeNo: string) => TradeFact } = {}): PaymentChannel {
  return {
    code: 'wechat',
    create: fault,
    close: fault,
    refund: fault,
    queryRefund: fault,
    readNotification: fault,
    acknowledge: fault,
    fetchStatement: fault,
    query: async outTradeNo => ({ kind: 'known', fact: answers.trade?.(outTradeNo) ?? { outTradeNo, state: 'NOTFOUND' } }),
    async *readStatement(pieces) {
      for (const line of JSON.parse(Buffer.concat([...pieces]).toString()) as (StatementLine & { at: string })[]) {
        if (line.state === 'BAD') throw new StatementRefused('cell', 7, 'bad')
        yield { ...line, at: new Date(line.at) }
      }
    },
  }
}

export const paid = (txnNo: string, outTradeNo: string, amountFen: number, at = NOON): StatementLine => ({
  ...{
    kind: 'pay',
    channelTxnNo: txnNo,
    outTradeNo,
    channelRefundNo: '',
    outRefundNo: '',
    amountFen,
    ...{ feeE5: amountFen * 6, discountFen: 0 },
    at,
    state: 'SUCCESS',
  },
})
export const back = (line: StatementLine, outRefundNo: string): StatementLine => ({
  ...line,
  ...{ kind: 'refund', outRefundNo, channelRefundNo: `5${outRefundNo}`, state: 'REFUND' },
})

export const compare = async (ctx: Ctx, lines: readonly StatementLine[], day = DAY) => {
  const raw = Buffer.from(JSON.stringify(lines))
  const done = await reconcileStatement(ctx, { channel: 'wechat', day, file: { name: 'day.json', pieces: () => [raw] } })
  assert.ok(done.ok)
  return done.value
}

interface Seen {
  class: string
  ref: string
  severity: number
  resolution: string | null
}
export const rowsOf = <T = unknown>(ctx: Ctx, query: Sql) => ctx.kernel.db.read(1, tx => tx.rows<T>(query))
export const seen = (ctx: Ctx) =>
  rowsOf<Seen>(ctx, sql`select class, ref, severity, resolution from payments.break where tenant_id = 1 order by ref, class`)
export const open = async (ctx: Ctx) => (await seen(ctx)).filter(b => b.resolution === null).map(b => `${b.class} ${b.ref}`)

/** Paid orders and the lines a channel would state about them. */
export async function payAll(ctx: Ctx, count: number, at = NOON) {
  const orders = await openOrders(ctx, count)
  const lines: StatementLine[] = []
  for (const [i, { attempts, amountFen }] of orders.entries()) {
    const line = paid(`42${at.getTime()}${i}`, outTradeNoOf(1, attempts[0]!), amountFen, at)
    await recordPaid(ctx, { attemptId: attempts[0]!, txnNo: line.channelTxnNo, amountFen, paidAt: at })
    lines.push(line)
  }
  return { orders, lines }
}
