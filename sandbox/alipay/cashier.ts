import type { FastifyInstance, FastifyReply } from 'fastify'
import { type Brand, donePage, escapeHtml, page, payPage, unpaidPage } from '../common/page.ts'
import type { Trade } from '../common/trade-book.ts'
import type { AlipayDesk } from './desk.ts'
import { type Form, localTime, signForm, yuan } from './signer.ts'

const BRAND: Brand = { name: '支付宝演示收银台', english: 'Alipay stand-in cashier', colour: '#0b5bd3', root: '/cashier' }
const MERCHANT = '一门社区服务'

const html = (reply: FastifyReply, status: number, text: string) => reply.status(status).type('text/html; charset=utf-8').send(text)

export function showCashier(reply: FastifyReply, desk: AlipayDesk, trade: Trade, now: Date): FastifyReply {
  desk.show(trade)
  return html(reply, 200, payPage(BRAND, MERCHANT, trade, trade.returnUrl, now, desk.book.offered()))
}

export const showProblem = (reply: FastifyReply, heading: string, english: string): FastifyReply =>
  html(
    reply,
    400,
    page(
      BRAND,
      heading,
      `<p class="hint">English: ${escapeHtml(english)}; nothing was charged.</p><a class="button" href="/cashier">待付款列表</a>`,
    ),
  )

/** The pages a person sees: cashier, list standing in for the camera. */
export function serveCashier(app: FastifyInstance, desk: AlipayDesk, now: () => Date): void {
  for (const product of ['wap', 'precreate']) {
    app.get(`/cashier/${product}`, async (request, reply) => {
      const trade = desk.book.findByHandle((request.query as Form).handle ?? '')
      return trade ? showCashier(reply, desk, trade, now()) : showProblem(reply, '找不到这笔订单', 'no such order')
    })
  }
  app.get('/cashier', async (_request, reply) => html(reply, 200, unpaidPage(BRAND, desk.book.list(), now())))
  app.get('/', async (_request, reply) => reply.redirect('/cashier', 303))
  app.post('/cashier/pay', async (request, reply) => {
    const trade = desk.book.findByHandle((request.body as Form).handle ?? '')
    if (!trade) return showProblem(reply, '找不到这笔订单', 'no such order')
    const result = desk.pay(trade.outTradeNo)
    if (result.kind === 'refused') return html(reply, 409, payPage(BRAND, MERCHANT, trade, trade.returnUrl, now()))
    return trade.returnUrl
      ? reply.redirect(returnAddress(desk, trade, now()), 303)
      : html(reply, 200, donePage(BRAND, true, trade.amountFen))
  })
  app.post('/cashier/cancel', async (request, reply) => {
    const trade = desk.book.findByHandle((request.body as Form).handle ?? '')
    if (!trade) return showProblem(reply, '找不到这笔订单', 'no such order')
    return trade.returnUrl ? reply.redirect(trade.returnUrl, 303) : html(reply, 200, donePage(BRAND, false, trade.amountFen))
  })
}

/** The shop's page with signed parameters; a shop must not believe them without asking. */
function returnAddress(desk: AlipayDesk, trade: Trade, now: Date): string {
  const target = new URL(trade.returnUrl)
  const form = signForm(
    desk.signer,
    {
      method: 'alipay.trade.wap.pay.return',
      charset: 'utf-8',
      app_id: desk.signer.appId,
      seller_id: desk.signer.sellerId,
      out_trade_no: trade.outTradeNo,
      trade_no: trade.payments[0]?.txnNo ?? '',
      total_amount: yuan(trade.amountFen),
      timestamp: localTime(now),
    },
    false,
  )
  for (const [name, value] of Object.entries(form)) target.searchParams.set(name, value)
  return target.href
}
