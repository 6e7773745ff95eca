import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { dayOf } from '#kernel/time.ts'
import type { Surroundings } from '../common/process.ts'
import { merchantFen, paidFen, payerFen, refundedFen, type Trade } from '../common/trade-book.ts'
import { billOf } from './bill.ts'
import { showCashier, showProblem } from './cashier.ts'
import type { AlipayDesk } from './desk.ts'
import { type Form, fenOf, isRequestSigned, localTime, signAnswer, yuan } from './signer.ts'

type Node = Record<string, unknown>
const done = (fields: Node = {}): Node => ({ code: '10000', msg: 'Success', ...fields })
const no = (subCode: string, message: string): Node => ({ code: '40004', msg: 'Business Failed', sub_code: subCode, sub_msg: message })
const malformed = (subCode: string, message: string): Node => ({
  code: '40002',
  msg: 'Invalid Arguments',
  sub_code: subCode,
  sub_msg: message,
})
const BUSY: Node = { code: '20000', msg: 'Service Currently Unavailable', sub_code: 'isp.unknow-error', sub_msg: '系统繁忙' }

const COMMITTING = new Set(['alipay.trade.precreate', 'alipay.trade.close', 'alipay.trade.refund'])

/** The one address of the channel: method and content are form fields, each answer is signed. */
export function serveGateway(app: FastifyInstance, desk: AlipayDesk, around: Surroundings, ownUrl: () => string): void {
  const files = new Map<string, Buffer>()
  const lied = new Set<string>()
  const methods: Readonly<Record<string, (content: Node, form: Form) => Node>> = {
    'alipay.trade.precreate': (content, form) => {
      const opened = openTrade(desk, around, 'precreate', content, form)
      if (opened.kind === 'refused') return opened.node
      const { trade } = opened
      return done({ out_trade_no: trade.outTradeNo, qr_code: `${ownUrl()}/cashier/precreate?handle=${trade.handle}` })
    },
    'alipay.trade.query': content => {
      const trade = desk.book.find(String(content.out_trade_no))
      if (!trade || !desk.isVisible(trade)) return no('ACQ.TRADE_NOT_EXIST', '交易不存在')
      if (trade.payments.length > 0 && !lied.has(trade.outTradeNo) && around.faults.strikes('lie_then_correct')) {
        lied.add(trade.outTradeNo)
        return done({ out_trade_no: trade.outTradeNo, trade_status: 'WAIT_BUYER_PAY', total_amount: yuan(trade.amountFen) })
      }
      return done(tradeNode(desk, trade))
    },
    'alipay.trade.close': content => {
      const trade = desk.book.find(String(content.out_trade_no))
      if (!trade || !desk.isVisible(trade)) return no('ACQ.TRADE_NOT_EXIST', '交易不存在')
      if (trade.payments.length > 0 || trade.isClosed) return no('ACQ.TRADE_STATUS_ERROR', '交易状态不合法')
      desk.book.close(trade.outTradeNo)
      return done({ out_trade_no: trade.outTradeNo })
    },
    'alipay.trade.refund': content => takeRefund(desk, content),
    'alipay.trade.fastpay.refund.query': content => {
      const trade = desk.book.find(String(content.out_trade_no))
      if (!trade) return no('ACQ.TRADE_NOT_EXIST', '交易不存在')
      const refund = trade.refunds.find(candidate => candidate.outRefundNo === content.out_request_no)
      if (refund?.status !== 'SUCCESS') return done()
      return done({
        out_trade_no: trade.outTradeNo,
        trade_no: trade.payments[0]?.txnNo,
        out_request_no: refund.outRefundNo,
        refund_status: 'REFUND_SUCCESS',
        refund_amount: yuan(refund.amountFen),
        total_amount: yuan(paidFen(trade)),
        gmt_refund_pay: localTime(new Date(refund.at)),
      })
    },
    'alipay.data.dataservice.bill.downloadurl.query': content => {
      const day = String(content.bill_date)
      const isReady = day < dayOf(around.now()) || around.faults.current.statement_today
      const file = isReady ? billOf(desk.book.list(), desk.signer.sellerId, day, around.now()) : undefined
      if (!file) return no('isp.bill_not_exist', '账单不存在')
      const token = randomBytes(16).toString('hex')
      files.set(token, file)
      setTimeout(() => files.delete(token), 30_000).unref()
      return done({ bill_download_url: `${ownUrl()}/billdownload?token=${token}` })
    },
  }

  const call = async (request: FastifyRequest, reply: FastifyReply, form: Form): Promise<FastifyReply> => {
    const method = form.method ?? ''
    const answer = (node: Node) => reply.type('text/html; charset=utf-8').send(signAnswer(desk.signer, method, node))
    if (form.app_id !== desk.signer.appId) return answer(malformed('isv.invalid-app-id', '无效的AppID参数'))
    if (form.sign_type !== 'RSA2' || !isRequestSigned(desk.signer, form)) return answer(malformed('isv.invalid-signature', '验签出错'))
    const content = contentOf(form)
    const work = methods[method]
    if (!content || !work) return answer(malformed('isv.invalid-method', '不存在的方法名'))
    if (around.faults.strikes('drop')) {
      reply.hijack()
      request.raw.socket.destroy()
      return reply
    }
    if (around.faults.current.create_delay_ms > 0) await sleep(around.faults.current.create_delay_ms)
    const node = work(content, form)
    return answer(COMMITTING.has(method) && around.faults.strikes('fail_after_commit') ? BUSY : node)
  }
  app.post('/gateway.do', (request, reply) => call(request, reply, { ...(request.query as Form), ...(request.body as Form) }))
  app.get('/gateway.do', async (request, reply) => {
    const form = request.query as Form
    if (form.method !== 'alipay.trade.wap.pay') return showProblem(reply, '不支持的请求', 'unknown method')
    const content = contentOf(form)
    if (form.app_id !== desk.signer.appId || !isRequestSigned(desk.signer, form) || !content)
      return showProblem(reply, '验签出错', 'the signature does not match')
    const opened = openTrade(desk, around, 'wap', content, form)
    if (opened.kind === 'open') return showCashier(reply, desk, opened.trade, around.now())
    return showProblem(reply, String(opened.node.sub_msg), String(opened.node.sub_code))
  })
  app.get('/billdownload', async (request, reply) => {
    const file = files.get((request.query as Form).token ?? '')
    return file ? reply.type('application/zip').send(file) : reply.status(404).send('')
  })
}

function contentOf(form: Form): Node | undefined {
  try {
    return JSON.parse(form.biz_content ?? '')
  } catch {
    return undefined
  }
}

type Opened = { kind: 'open'; trade: Trade } | { kind: 'refused'; node: Node }

function openTrade(desk: AlipayDesk, around: Surroundings, product: string, content: Node, form: Form): Opened {
  const outTradeNo = String(content.out_trade_no ?? '')
  const amountFen = fenOf(content.total_amount)
  if (!/^\w{1,64}$/.test(outTradeNo) || !amountFen || typeof content.subject !== 'string')
    return refuse('ACQ.INVALID_PARAMETER', '参数无效')
  const known = desk.book.find(outTradeNo)
  if (known) {
    if (known.payments.length > 0) return refuse('ACQ.TRADE_HAS_SUCCESS', '交易已被支付')
    if (known.isClosed) return refuse('ACQ.TRADE_HAS_CLOSE', '交易已经关闭')
    return known.amountFen === amountFen ? { kind: 'open', trade: known } : refuse('ACQ.CONTEXT_INCONSISTENT', '交易信息被篡改')
  }
  const expireAt = typeof content.time_expire === 'string' ? new Date(`${content.time_expire.replace(' ', 'T')}+08:00`) : undefined
  const trade = desk.book.open({
    outTradeNo,
    amountFen,
    title: content.subject,
    product,
    handle: `bax${randomBytes(12).toString('hex')}`,
    payer: '2088000000000000',
    notifyUrl: form.notify_url ?? '',
    returnUrl: form.return_url ?? '',
    expireAt: expireAt && !Number.isNaN(expireAt.getTime()) ? expireAt.toISOString() : '',
    createdAt: around.now().toISOString(),
  })
  return { kind: 'open', trade }
}

const refuse = (subCode: string, message: string): Opened => ({ kind: 'refused', node: no(subCode, message) })

function tradeNode(desk: AlipayDesk, trade: Trade): Node {
  const first = trade.payments[0]
  return {
    out_trade_no: trade.outTradeNo,
    trade_no: first?.txnNo,
    trade_status: desk.statusOf(trade),
    total_amount: yuan(first?.amountFen ?? trade.amountFen),
    buyer_pay_amount: first && yuan(payerFen(first)),
    receipt_amount: first && yuan(first.amountFen - merchantFen(first)),
    buyer_user_id: trade.payer,
    send_pay_date: first && localTime(new Date(first.paidAt)),
  }
}

const REFUND_REFUSALS = {
  missing: no('ACQ.TRADE_NOT_EXIST', '交易不存在'),
  too_much: no('ACQ.REFUND_AMT_NOT_EQUAL_TOTAL', '退款金额超限'),
  conflict: no('ACQ.INVALID_PARAMETER', '同一退款请求号的金额不一致'),
}

function takeRefund(desk: AlipayDesk, content: Node): Node {
  const amountFen = fenOf(content.refund_amount)
  const outRefundNo = typeof content.out_request_no === 'string' ? content.out_request_no : ''
  if (!amountFen || !outRefundNo) return no('ACQ.INVALID_PARAMETER', '参数无效')
  const isRepeated = desk.book.findRefund(outRefundNo) !== undefined
  const result = desk.refund({ txnNo: String(content.trade_no), outRefundNo, amountFen, notifyUrl: '' })
  if (result.kind === 'refused') return REFUND_REFUSALS[result.why]
  const trade = desk.book.find(result.refund.outTradeNo)!
  return done({
    out_trade_no: trade.outTradeNo,
    trade_no: result.refund.txnNo,
    fund_change: isRepeated ? 'N' : 'Y',
    refund_fee: yuan(refundedFen(trade)),
  })
}
