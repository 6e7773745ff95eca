import { exchange, STATEMENT_BYTES_MAX, STATEMENT_MS_MAX } from '#kernel/http/exchange.ts'
import {
  type CloseOutcome,
  type CreateInput,
  type CreateOutcome,
  type PaymentChannel,
  type QueryOutcome,
  type RefundInput,
  type RefundOutcome,
  type RefundQueryOutcome,
  type Refused,
  StatementUnavailable,
} from '../../ports.ts'
import { parseLocalTime, renderDecimal, renderLocalTime } from '../decimal.ts'
import { textOf } from '../shape.ts'
import { type AlipayConfig, callGateway, type Reply, readKeys, signedParameters } from './client.ts'
import type { Parameters } from './crypto.ts'
import { fenOfYuan, readTrade } from './facts.ts'
import { readNotification } from './notification.ts'
import { readAlipayStatement } from './statement.ts'

export type { AlipayConfig } from './client.ts'

/** Common codes: the call was malformed or not allowed, so nothing was done. */
const CALL_REFUSALS = new Set(['40001', '40002', '40006'])
/** Business refusals after which certainly no order can be paid. ACQ.TRADE_HAS_SUCCESS and the like are left to a query. */
const CREATE_REFUSALS = new Set(
  'INVALID_PARAMETER ACCESS_FORBIDDEN EXIST_FORBIDDEN_WORD PARTNER_ERROR TOTAL_FEE_EXCEED SELLER_NOT_EXIST'
    .split(' ')
    .map(code => `ACQ.${code}`),
)
const REFUND_REFUSALS = new Set(
  'INVALID_PARAMETER SELLER_BALANCE_NOT_ENOUGH REFUND_AMT_NOT_EQUAL_TOTAL REASON_TRADE_BEEN_FREEZEN TRADE_NOT_EXIST TRADE_HAS_FINISHED TRADE_STATUS_ERROR NOT_ALLOW_PARTIAL_REFUND'
    .split(' ')
    .map(code => `ACQ.${code}`),
)

export interface AlipayOptions {
  now?: () => Date
  wait_ms_max?: number
}

export interface AlipayChannel extends PaymentChannel {
  readonly code: 'alipay'
}

type Call = (method: string, content: object, extra?: Parameters) => Promise<Reply>

/** Alipay open platform with RSA2 keys. Source: opendocs.alipay.com, wap pay, face-to-face pay and bill download. */
export function alipayChannel(config: AlipayConfig, options: AlipayOptions = {}): AlipayChannel {
  const keys = readKeys(config)
  const now = options.now ?? (() => new Date())
  const call: Call = (method, content, extra = {}) => callGateway(config, keys, method, content, extra, now(), options.wait_ms_max)
  // The signed address is the whole request: the trade begins to exist when the person opens it.
  const openWap = (input: CreateInput): CreateOutcome => {
    const extra = { notify_url: input.notifyUrl, return_url: input.returnUrl }
    const content = { ...orderContent(input), product_code: 'QUICK_WAP_WAY', quit_url: input.returnUrl }
    const parameters = signedParameters(config, keys, 'alipay.trade.wap.pay', content, extra, now())
    return { kind: 'accepted', redirectUrl: `${config.gatewayUrl}?${new URLSearchParams(parameters)}` }
  }
  return {
    code: 'alipay',
    async create(input) {
      if (input.product === 'wap') return openWap(input)
      if (input.product === 'precreate') return precreate(call, input)
      return { kind: 'refused', code: 'PRODUCT_UNKNOWN', message: `alipay has no product ${input.product}` }
    },
    query: outTradeNo => query(call, outTradeNo),
    close: outTradeNo => close(call, outTradeNo),
    refund: input => refund(call, input),
    queryRefund: (outTradeNo, outRefundNo) => queryRefund(call, outTradeNo, outRefundNo),
    readNotification: raw => readNotification(config, keys, raw),
    acknowledge: isTaken => ({ status: isTaken ? 200 : 500, type: 'text/plain', body: isTaken ? 'success' : 'fail' }),
    fetchStatement: day => fetchStatement(call, day),
    readStatement: (pieces, day) => readAlipayStatement(pieces, day),
  }
}

const unknown = (reply: Reply) =>
  ({ kind: 'unknown', why: reply.kind === 'lost' ? reply.why : `${reply.code} ${reply.subCode} ${reply.message}`.trim() }) as const

const findRefusal = (reply: Reply, codes: ReadonlySet<string>): Refused | undefined =>
  reply.kind === 'said' && (CALL_REFUSALS.has(reply.code) || (reply.code === '40004' && codes.has(reply.subCode)))
    ? { kind: 'refused', code: reply.subCode || reply.code, message: reply.message }
    : undefined

const isNotFound = (reply: Reply): boolean => reply.kind === 'said' && reply.code === '40004' && reply.subCode === 'ACQ.TRADE_NOT_EXIST'

const orderContent = (input: CreateInput) => ({
  out_trade_no: input.outTradeNo,
  total_amount: renderDecimal(input.amountFen, 2),
  // These characters are refused in subjects.
  subject: [...input.title.replace(/[/=&]/g, ' ')].slice(0, 256).join(''),
  time_expire: renderLocalTime(input.expireAt),
})

async function precreate(call: Call, input: CreateInput): Promise<CreateOutcome> {
  const reply = await call('alipay.trade.precreate', orderContent(input), { notify_url: input.notifyUrl })
  const refusal = findRefusal(reply, CREATE_REFUSALS)
  if (refusal) return refusal
  if (reply.kind === 'lost' || reply.code !== '10000') return unknown(reply)
  const codeUrl = textOf(reply.fields, 'qr_code')
  return codeUrl && textOf(reply.fields, 'out_trade_no') === input.outTradeNo
    ? { kind: 'accepted', codeUrl }
    : { kind: 'unknown', why: 'accepted without a code' }
}

async function query(call: Call, outTradeNo: string): Promise<QueryOutcome> {
  const reply = await call('alipay.trade.query', { out_trade_no: outTradeNo })
  if (isNotFound(reply)) return { kind: 'known', fact: { outTradeNo, state: 'NOTFOUND' } }
  if (reply.kind === 'lost' || reply.code !== '10000') return unknown(reply)
  const { fields } = reply
  const fact = readTrade({
    outTradeNo: textOf(fields, 'out_trade_no'),
    status: textOf(fields, 'trade_status'),
    tradeNo: textOf(fields, 'trade_no'),
    totalAmount: textOf(fields, 'total_amount'),
    buyerPayAmount: textOf(fields, 'buyer_pay_amount'),
    paidAt: textOf(fields, 'send_pay_date'),
    refundFee: undefined,
  })
  return fact?.outTradeNo === outTradeNo ? { kind: 'known', fact } : { kind: 'unknown', why: 'answer about another or an incomplete trade' }
}

async function close(call: Call, outTradeNo: string): Promise<CloseOutcome> {
  const reply = await call('alipay.trade.close', { out_trade_no: outTradeNo })
  if (isNotFound(reply)) return { kind: 'notfound' }
  if (reply.kind === 'said' && reply.code === '10000') return { kind: 'closed' }
  if (reply.kind === 'lost' || reply.subCode !== 'ACQ.TRADE_STATUS_ERROR') return unknown(reply)
  // "The state does not allow it" may mean paid or closed before: ask which.
  const asked = await query(call, outTradeNo)
  if (asked.kind === 'unknown') return asked
  if (asked.fact.state === 'SUCCESS' || asked.fact.state === 'REFUND') return { kind: 'paid', why: reply.message }
  return asked.fact.state === 'CLOSED' ? { kind: 'closed', why: reply.message } : unknown(reply)
}

async function refund(call: Call, input: RefundInput): Promise<RefundOutcome> {
  const reply = await call('alipay.trade.refund', {
    trade_no: input.channelTxnNo,
    out_request_no: input.outRefundNo,
    refund_amount: renderDecimal(input.amountFen, 2),
    refund_reason: [...input.reason].slice(0, 256).join(''),
  })
  const refusal = findRefusal(reply, REFUND_REFUSALS)
  if (refusal) return refusal
  return reply.kind === 'said' && reply.code === '10000' ? { kind: 'accepted' } : unknown(reply)
}

async function queryRefund(call: Call, outTradeNo: string, outRefundNo: string): Promise<RefundQueryOutcome> {
  const reply = await call('alipay.trade.fastpay.refund.query', {
    out_trade_no: outTradeNo,
    out_request_no: outRefundNo,
    query_options: ['gmt_refund_pay'],
  })
  if (isNotFound(reply)) return { kind: 'known', fact: { outTradeNo, outRefundNo, state: 'NOTFOUND' } }
  if (reply.kind === 'lost' || reply.code !== '10000') return unknown(reply)
  // Without refund_status the refund was not received or did not succeed: sending the same number again is safe.
  if (textOf(reply.fields, 'refund_status') !== 'REFUND_SUCCESS')
    return { kind: 'known', fact: { outTradeNo, outRefundNo, state: 'NOTFOUND' } }
  if (textOf(reply.fields, 'out_request_no') !== outRefundNo) return { kind: 'unknown', why: 'answer about another refund' }
  return {
    kind: 'known',
    fact: {
      outTradeNo,
      outRefundNo,
      state: 'SUCCESS',
      amountFen: fenOfYuan(textOf(reply.fields, 'refund_amount')),
      refundedAt: parseLocalTime((textOf(reply.fields, 'gmt_refund_pay') ?? '').slice(0, 19)),
    },
  }
}

async function fetchStatement(call: Call, day: string): Promise<{ raw: Buffer; name: string }> {
  const reply = await call('alipay.data.dataservice.bill.downloadurl.query', { bill_type: 'trade', bill_date: day })
  if (reply.kind === 'said' && reply.subCode === 'isp.bill_not_exist') throw new StatementUnavailable('none', reply.message)
  if (reply.kind === 'lost' || reply.code !== '10000') throw new StatementUnavailable('unknown', unknown(reply).why)
  const url = textOf(reply.fields, 'bill_download_url')
  if (!url) throw new StatementUnavailable('unknown', 'no address')
  const answer = await exchange({ method: 'GET', url, headers: {}, wait_ms_max: STATEMENT_MS_MAX, answer_bytes_max: STATEMENT_BYTES_MAX })
  if (answer.kind === 'lost') throw new StatementUnavailable('unknown', answer.why)
  if (answer.status !== 200) throw new StatementUnavailable('unknown', `download status ${answer.status}`)
  return { raw: answer.body, name: `alipay-${day}.zip` }
}
