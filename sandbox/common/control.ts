import type { FastifyInstance } from 'fastify'
import type { Desk } from './desk.ts'
import type { FaultSource } from './faults.ts'
import { controlFaults } from './process.ts'
import { paidFen, payerFen, refundedFen } from './trade-book.ts'

interface PayBody {
  out_trade_no?: string
  force?: boolean
  amount_fen?: number
}

/** Controls of a channel, outside its protocol: what people and faults do, and its books for an auditor. */
export function controlTrades(app: FastifyInstance, desk: Desk, faults: FaultSource): void {
  controlFaults(app, faults)
  const pay = (body: PayBody, force: boolean) => desk.pay(body.out_trade_no ?? '', { force, amountFen: body.amount_fen })
  app.post('/_control/pay', async (request, reply) => {
    const body = (request.body ?? {}) as PayBody
    const result = pay(body, body.force === true)
    return result.kind === 'paid' ? { payment: result.payment } : reply.status(409).send({ error: result.why })
  })
  app.post('/_control/pay_twice', async (request, reply) => {
    const body = (request.body ?? {}) as PayBody
    const results = [pay(body, true), pay(body, true)]
    if (results.some(result => result.kind === 'refused')) return reply.status(409).send({ error: 'missing' })
    return { payments: results.map(result => result.kind === 'paid' && result.payment) }
  })
  app.post('/_control/coupon', async (request, reply) => {
    const { name = '优惠券', fen, funder } = (request.body ?? {}) as { name?: string; fen?: number; funder?: string }
    if (fen === 0) desk.book.offer(undefined)
    else if (Number.isSafeInteger(fen) && fen! > 0 && (funder === 'channel' || funder === 'merchant'))
      desk.book.offer({ name, fen: fen!, funder })
    else return reply.status(400).send({ error: 'fen, funder: channel or merchant' })
    return { coupon: desk.book.offered() ?? null }
  })
  app.post('/_control/notify_again', async request => ({ sent: desk.notifyAgain(((request.body ?? {}) as PayBody).out_trade_no ?? '') }))
  app.post('/_control/refund', async (request, reply) => {
    const body = (request.body ?? {}) as { out_refund_no?: string; status?: string }
    const refund = desk.book.findRefund(body.out_refund_no ?? '')
    const status = (['SUCCESS', 'ABNORMAL', 'CLOSED'] as const).find(known => known === body.status)
    if (!refund || !status) return reply.status(404).send({ error: 'out_refund_no, status' })
    desk.finishRefund(refund, status)
    return { refund }
  })
  app.get('/_control/trades', async () => {
    const trades = desk.book.list()
    return {
      trades: trades.map(trade => ({
        out_trade_no: trade.outTradeNo,
        amount_fen: trade.amountFen,
        title: trade.title,
        product: trade.product,
        is_closed: trade.isClosed,
        payments: trade.payments.map(payment => ({
          txn_no: payment.txnNo,
          amount_fen: payment.amountFen,
          payer_fen: payerFen(payment),
          paid_at: payment.paidAt,
        })),
        refunds: trade.refunds.map(refund => ({
          out_refund_no: refund.outRefundNo,
          amount_fen: refund.amountFen,
          status: refund.status,
          at: refund.at,
        })),
      })),
      paid_fen: trades.reduce((sum, trade) => sum + paidFen(trade), 0),
      refunded_fen: trades.reduce((sum, trade) => sum + refundedFen(trade), 0),
    }
  })
}
