import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { dayOf } from '#kernel/time.ts'
import type { Surroundings } from '../common/process.ts'
import { billOf } from './bill.ts'
import type { WechatDesk } from './desk.ts'
import type { WechatKeyFiles } from './keys.ts'
import { findRequestFault, localTime, seal, signBody } from './signer.ts'

type Said = { status: number; body?: object }
const no = (status: number, code: string, message: string): Said => ({ status, body: { code, message } })
const EMPTY = Buffer.alloc(0)
const LAYOUTS = { ALL: 'all', SUCCESS: 'success', REFUND: 'refund' } as const

/** The merchant-facing interface: checks each request's signature, signs each answer. */
export function serveApi(app: FastifyInstance, desk: WechatDesk, keys: WechatKeyFiles, around: Surroundings, ownUrl: () => string): void {
  const files = new Map<string, { text: string; until: number }>()
  const lied = new Set<string>()
  const answer = (request: FastifyRequest, reply: FastifyReply, said: Said): FastifyReply => {
    const text = said.body ? JSON.stringify(said.body) : ''
    const asked = request.headers['wechatpay-serial']
    const headers = signBody(desk.signer, text, around.now(), typeof asked === 'string' ? asked : undefined)
    reply.status(said.status).headers({ ...headers, 'Request-ID': randomBytes(8).toString('hex') })
    return text ? reply.type('application/json').send(text) : reply.send()
  }
  const route = (method: 'GET' | 'POST', url: string, work: (request: FastifyRequest) => Said): void => {
    app.route({
      method,
      url,
      handler: async (request, reply) => {
        const fault = findRequestFault(
          desk.signer,
          { authorization: request.headers.authorization, method, target: request.raw.url ?? '', body: request.rawBody ?? EMPTY },
          around.now(),
        )
        if (fault) return answer(request, reply, no(401, 'SIGN_ERROR', fault))
        if (around.faults.strikes('drop')) {
          reply.hijack()
          request.raw.socket.destroy()
          return reply
        }
        if (around.faults.current.create_delay_ms > 0) await sleep(around.faults.current.create_delay_ms)
        if (around.faults.strikes('garbage')) return reply.type('text/html').send('<html><body>502 Bad Gateway</body>')
        const said = work(request)
        const isLost = method === 'POST' && around.faults.strikes('fail_after_commit')
        return answer(request, reply, isLost ? no(500, 'SYSTEM_ERROR', '系统错误') : said)
      },
    })
  }

  for (const product of ['jsapi', 'h5', 'native'] as const) {
    route('POST', `/v3/pay/transactions/${product}`, request => createTrade(desk, around, product, request.body, ownUrl()))
  }
  route('GET', '/v3/pay/transactions/out-trade-no/:no', request => {
    const { no: outTradeNo } = request.params as { no: string }
    if ((request.query as Record<string, string>).mchid !== desk.signer.mchid) return no(400, 'PARAM_ERROR', 'mchid')
    const trade = desk.book.find(outTradeNo)
    if (!trade) return no(404, 'ORDER_NOT_EXIST', '订单不存在')
    const resource = desk.resourceOf(trade)
    if (trade.payments.length > 0 && !lied.has(outTradeNo) && around.faults.strikes('lie_then_correct')) {
      lied.add(outTradeNo)
      return { status: 200, body: { ...resource, trade_state: 'NOTPAY', transaction_id: undefined, success_time: undefined } }
    }
    return { status: 200, body: resource }
  })
  route('POST', '/v3/pay/transactions/out-trade-no/:no/close', request => {
    const trade = desk.book.find((request.params as { no: string }).no)
    if (!trade) return no(404, 'ORDER_NOT_EXIST', '订单不存在')
    if (trade.payments.length > 0) return no(400, 'ORDERPAID', '订单已支付')
    desk.book.close(trade.outTradeNo)
    return { status: 204 }
  })
  route('POST', '/v3/refund/domestic/refunds', request => takeRefund(desk, request.body))
  route('GET', '/v3/refund/domestic/refunds/:no', request => {
    const refund = desk.book.findRefund((request.params as { no: string }).no)
    if (!refund) return no(404, 'RESOURCE_NOT_EXISTS', '退款单不存在')
    return { status: 200, body: desk.refundResource(desk.book.find(refund.outTradeNo)!, refund, 'status') }
  })
  route('GET', '/v3/bill/tradebill', request => {
    const { bill_date: day = '', bill_type: type = 'ALL' } = request.query as Record<string, string | undefined>
    const layout = LAYOUTS[type as keyof typeof LAYOUTS]
    if (!/^\d{4}-\d\d-\d\d$/.test(day) || !layout) return no(400, 'PARAM_ERROR', 'bill_date, bill_type')
    const isReady = day < dayOf(around.now()) || around.faults.current.statement_today
    const text = isReady ? billOf(layout, desk.book.list(), desk.signer.mchid, desk.signer.appid, day) : undefined
    if (!text) return no(400, 'NO_STATEMENT_EXIST', '账单文件不存在')
    const token = randomBytes(16).toString('hex')
    files.set(token, { text, until: around.now().getTime() + 30_000 })
    const hash = createHash('sha1').update(text).digest('hex')
    return { status: 200, body: { hash_type: 'SHA1', hash_value: hash, download_url: `${ownUrl()}/v3/billdownload/file?token=${token}` } }
  })
  app.get('/v3/billdownload/file', async (request, reply) => {
    const target = request.raw.url ?? ''
    const fault = findRequestFault(
      desk.signer,
      { authorization: request.headers.authorization, method: 'GET', target, body: EMPTY },
      around.now(),
    )
    if (fault) return reply.status(401).send({ code: 'SIGN_ERROR', message: fault })
    const token = (request.query as Record<string, string>).token ?? ''
    const file = files.get(token)
    files.delete(token)
    if (!file || file.until < around.now().getTime())
      return reply.status(404).send({ code: 'RESOURCE_NOT_EXISTS', message: '下载地址已失效' })
    return reply.type('text/plain; charset=utf-8').send(file.text)
  })
  route('GET', '/v3/certificates', () => {
    const { certificate } = keys.platform
    const sealed = seal(desk.signer.apiV3Key, certificate.certificatePem, 'certificate')
    return {
      status: 200,
      body: {
        data: [
          {
            serial_no: certificate.serial,
            effective_time: localTime(new Date(certificate.from)),
            expire_time: localTime(new Date(certificate.until)),
            encrypt_certificate: { algorithm: 'AEAD_AES_256_GCM', ...sealed },
          },
        ],
      },
    }
  })
}

interface CreateBody {
  appid?: string
  mchid?: string
  description?: string
  out_trade_no?: string
  time_expire?: string
  notify_url?: string
  amount?: { total?: number }
  payer?: { openid?: string }
}

function createTrade(desk: WechatDesk, around: Surroundings, path: string, raw: unknown, ownUrl: string): Said {
  const body = (raw ?? {}) as CreateBody
  // A mini programme orders by the same path as a page inside the app, in its own name.
  const product = path === 'jsapi' && body.appid === desk.signer.miniAppid ? 'mini' : path
  if ((product !== 'mini' && body.appid !== desk.signer.appid) || body.mchid !== desk.signer.mchid)
    return no(400, 'APPID_MCHID_NOT_MATCH', 'appid和mchid不匹配')
  const outTradeNo = body.out_trade_no ?? ''
  const amountFen = body.amount?.total ?? 0
  if (!/^[\w*|-]{6,32}$/.test(outTradeNo)) return no(400, 'PARAM_ERROR', 'out_trade_no')
  if (!Number.isSafeInteger(amountFen) || amountFen < 1) return no(400, 'PARAM_ERROR', 'amount.total')
  if (!body.description || !body.notify_url) return no(400, 'PARAM_ERROR', 'description, notify_url')
  if (path === 'jsapi' && !/^o[\w-]{27}$/.test(body.payer?.openid ?? '')) return no(400, 'PARAM_ERROR', 'payer.openid')
  const known = desk.book.find(outTradeNo)
  if (known) {
    if (known.payments.length > 0) return no(400, 'ORDERPAID', '订单已支付')
    if (known.isClosed) return no(400, 'ORDER_CLOSED', '订单已关闭')
    if (known.amountFen !== amountFen || known.product !== product) return no(400, 'OUT_TRADE_NO_USED', '商户订单号重复')
  }
  const trade =
    known ??
    desk.book.open({
      outTradeNo,
      amountFen,
      title: body.description,
      product,
      handle: `wx${randomBytes(16).toString('hex')}`,
      payer: body.payer?.openid ?? 'o-sandbox-payer',
      notifyUrl: body.notify_url,
      returnUrl: '',
      expireAt: body.time_expire ?? '',
      createdAt: around.now().toISOString(),
    })
  if (product === 'native') return { status: 200, body: { code_url: `weixin://wxpay/bizpayurl?pr=${trade.handle}` } }
  if (product === 'h5') return { status: 200, body: { h5_url: `${ownUrl}/wallet/h5?prepay=${trade.handle}` } }
  return { status: 200, body: { prepay_id: trade.handle } }
}

interface RefundBody {
  transaction_id?: string
  out_refund_no?: string
  notify_url?: string
  amount?: { refund?: number; total?: number }
}

const REFUND_REFUSALS = {
  missing: no(404, 'RESOURCE_NOT_EXISTS', '订单不存在'),
  too_much: no(403, 'NOT_ENOUGH', '可退金额不足'),
  conflict: no(400, 'PARAM_ERROR', '同一退款单号的请求参数不一致'),
}

function takeRefund(desk: WechatDesk, raw: unknown): Said {
  const body = (raw ?? {}) as RefundBody
  const amountFen = body.amount?.refund ?? 0
  if (!body.out_refund_no || !Number.isSafeInteger(amountFen) || amountFen < 1)
    return no(400, 'PARAM_ERROR', 'out_refund_no, amount.refund')
  const txnNo = body.transaction_id ?? ''
  const paid = desk.book.findByTxn(txnNo)
  if (paid && paid.payment.amountFen !== body.amount?.total) return no(400, 'PARAM_ERROR', 'amount.total')
  const result = desk.refund({
    txnNo,
    outRefundNo: body.out_refund_no,
    amountFen,
    notifyUrl: body.notify_url ?? '',
  })
  if (result.kind === 'refused') return REFUND_REFUSALS[result.why]
  return { status: 200, body: desk.refundResource(desk.book.find(result.refund.outTradeNo)!, result.refund, 'status') }
}
