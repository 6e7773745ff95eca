import { createHash, X509Certificate } from 'node:crypto'
import { STATEMENT_BYTES_MAX, STATEMENT_MS_MAX } from '#kernel/http/exchange.ts'
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
import { fieldsOf, textOf } from '../shape.ts'
import { type Reply, type WechatClient, wechatClient } from './client.ts'
import { readKeys, type WechatConfig, type WechatKeys } from './config.ts'
import { makeNonce, openSealed, signText } from './crypto.ts'
import { readRefund, readTrade } from './facts.ts'
import { readNotification } from './notification.ts'
import { miniSignIn, payerSignIn } from './oauth.ts'
import { readWechatStatement } from './statement.ts'

export type { WechatConfig } from './config.ts'

/** Refusals after which certainly no order exists. Everything else, such as OUT_TRADE_NO_USED, is left to a query. */
const CREATE_REFUSALS = new Set(
  'PARAM_ERROR SIGN_ERROR NO_AUTH APPID_MCHID_NOT_MATCH MCH_NOT_EXISTS ACCOUNT_ERROR RULE_LIMIT RULELIMIT OPENID_MISMATCH'.split(' '),
)
/** Refusals after which certainly no refund is under way with this number. */
const REFUND_REFUSALS = new Set(
  'PARAM_ERROR SIGN_ERROR NO_AUTH MCH_NOT_EXISTS NOT_ENOUGH RESOURCE_NOT_EXISTS RESOURCE_NOT_EXIST USER_ACCOUNT_ABNORMAL'.split(' '),
)
const NOT_FOUND = new Set(['ORDER_NOT_EXIST', 'ORDERNOTEXIST', 'RESOURCE_NOT_EXISTS', 'RESOURCE_NOT_EXIST'])

const CREATE_PATH = {
  mini: '/v3/pay/transactions/jsapi',
  jsapi: '/v3/pay/transactions/jsapi',
  h5: '/v3/pay/transactions/h5',
  native: '/v3/pay/transactions/native',
} as const

export interface WechatOptions {
  now?: () => Date
  wait_ms_max?: number
}

export interface WechatChannel extends PaymentChannel {
  readonly code: 'wechat'
  /** Downloads the platform certificates and starts to trust the new ones; answers their serials. */
  refreshCertificates(): Promise<string[]>
}

/** WeChat Pay APIv3 for a direct merchant. Source: pay.weixin.qq.com, API v3 reference. */
export function wechatChannel(config: WechatConfig, options: WechatOptions = {}): WechatChannel {
  const keys = readKeys(config)
  const now = options.now ?? (() => new Date())
  const client = wechatClient(config, keys, now, options.wait_ms_max)
  return {
    code: 'wechat',
    ...(config.appSecret && { payerSignIn: payerSignIn(config, config.appSecret, options.wait_ms_max) }),
    ...(config.mini && { miniSignIn: miniSignIn(config, config.mini, options.wait_ms_max) }),
    create: input => create(client, config, keys, now, input),
    query: outTradeNo => query(client, config, outTradeNo),
    close: outTradeNo => close(client, config, outTradeNo),
    refund: input => refund(client, input),
    queryRefund: (outTradeNo, outRefundNo) => queryRefund(client, outTradeNo, outRefundNo),
    readNotification: (raw, headers, at) => readNotification(config, keys, raw, headers, at),
    acknowledge: (isTaken, message) =>
      isTaken
        ? { status: 204, type: 'application/json', body: '' }
        : { status: 500, type: 'application/json', body: JSON.stringify({ code: 'FAIL', message: message ?? '失败' }) },
    fetchStatement: day => fetchStatement(client, day),
    readStatement: (pieces, day) => readWechatStatement(pieces, day),
    refreshCertificates: () => refreshCertificates(client, keys),
  }
}

const unknown = (reply: Reply) =>
  ({ kind: 'unknown', why: reply.kind === 'lost' ? reply.why : `status ${reply.status} ${reply.code} ${reply.message}`.trim() }) as const

const findRefusal = (reply: Reply, codes: ReadonlySet<string>): Refused | undefined =>
  reply.kind === 'said' && reply.status >= 400 && reply.status < 500 && codes.has(reply.code)
    ? { kind: 'refused', code: reply.code, message: reply.message }
    : undefined

const isNotFound = (reply: Reply): boolean => reply.kind === 'said' && reply.status === 404 && NOT_FOUND.has(reply.code)

async function create(
  client: WechatClient,
  config: WechatConfig,
  keys: WechatKeys,
  now: () => Date,
  input: CreateInput,
): Promise<CreateOutcome> {
  const { product } = input
  const appid = product === 'mini' ? config.mini?.appid : config.appid
  if ((product !== 'mini' && product !== 'jsapi' && product !== 'h5' && product !== 'native') || !appid) {
    return { kind: 'refused', code: 'PRODUCT_UNKNOWN', message: `wechat has no product ${product}` }
  }
  const asksPayer = product === 'jsapi' || product === 'mini'
  if (asksPayer && !input.openid) return { kind: 'refused', code: 'OPENID_MISSING', message: `${product} needs an openid` }
  const reply = await client.call('POST', CREATE_PATH[product], {
    appid,
    mchid: config.mchid,
    // The field holds 127 bytes; a Chinese character takes three.
    description: cutBytes(input.title, 127),
    out_trade_no: input.outTradeNo,
    time_expire: rfc3339(input.expireAt),
    notify_url: input.notifyUrl,
    amount: { total: input.amountFen, currency: 'CNY' },
    ...(asksPayer && { payer: { openid: input.openid } }),
    ...(product !== 'native' && {
      scene_info: { payer_client_ip: input.clientIp, ...(product === 'h5' && { h5_info: { type: 'Wap' } }) },
    }),
  })
  const refusal = findRefusal(reply, CREATE_REFUSALS)
  if (refusal) return refusal
  if (reply.kind === 'lost' || reply.status !== 200) return unknown(reply)
  return readCreated(reply, appid, keys, now(), input)
}

function readCreated(
  reply: Extract<Reply, { kind: 'said' }>,
  appid: string,
  keys: WechatKeys,
  now: Date,
  input: CreateInput,
): CreateOutcome {
  const codeUrl = textOf(reply.fields, 'code_url')
  if (input.product === 'native' && codeUrl) return { kind: 'accepted', codeUrl }
  const h5Url = textOf(reply.fields, 'h5_url')
  if (input.product === 'h5' && h5Url) {
    return { kind: 'accepted', redirectUrl: `${h5Url}&redirect_url=${encodeURIComponent(input.returnUrl)}` }
  }
  const prepayId = textOf(reply.fields, 'prepay_id')
  if ((input.product === 'jsapi' || input.product === 'mini') && prepayId)
    return { kind: 'accepted', jsapi: jsapiParameters(appid, keys, now, prepayId) }
  return { kind: 'unknown', why: 'accepted without an address to pay at' }
}

/** What the page hands to WeixinJSBridge, or the shell to wx.requestPayment: signed with the account it is for. */
function jsapiParameters(appid: string, keys: WechatKeys, now: Date, prepayId: string): Record<string, string> {
  const timeStamp = String(Math.floor(now.getTime() / 1000))
  const nonceStr = makeNonce()
  const bundle = `prepay_id=${prepayId}`
  const paySign = signText(keys.credential.privateKey, `${appid}\n${timeStamp}\n${nonceStr}\n${bundle}\n`)
  return { appId: appid, timeStamp, nonceStr, package: bundle, signType: 'RSA', paySign }
}

async function query(client: WechatClient, config: WechatConfig, outTradeNo: string): Promise<QueryOutcome> {
  const reply = await client.call('GET', `/v3/pay/transactions/out-trade-no/${encodeURIComponent(outTradeNo)}?mchid=${config.mchid}`)
  if (isNotFound(reply)) return { kind: 'known', fact: { outTradeNo, state: 'NOTFOUND' } }
  if (reply.kind === 'lost' || reply.status !== 200) return unknown(reply)
  const fact = readTrade(reply.fields)
  if (!fact || fact.outTradeNo !== outTradeNo || textOf(reply.fields, 'mchid') !== config.mchid) {
    return { kind: 'unknown', why: 'answer about another or an incomplete trade' }
  }
  return { kind: 'known', fact }
}

async function close(client: WechatClient, config: WechatConfig, outTradeNo: string): Promise<CloseOutcome> {
  const target = `/v3/pay/transactions/out-trade-no/${encodeURIComponent(outTradeNo)}/close`
  const reply = await client.call('POST', target, { mchid: config.mchid })
  if (isNotFound(reply)) return { kind: 'notfound' }
  if (reply.kind === 'lost') return unknown(reply)
  if (reply.status === 204 || reply.status === 200) return { kind: 'closed' }
  if (reply.status < 500 && (reply.code === 'ORDERPAID' || reply.code === 'ORDER_PAID')) return { kind: 'paid', why: reply.message }
  if (reply.status < 500 && (reply.code === 'ORDER_CLOSED' || reply.code === 'ORDERCLOSED')) return { kind: 'closed', why: reply.message }
  return unknown(reply)
}

async function refund(client: WechatClient, input: RefundInput): Promise<RefundOutcome> {
  const reply = await client.call('POST', '/v3/refund/domestic/refunds', {
    transaction_id: input.channelTxnNo,
    out_refund_no: input.outRefundNo,
    reason: cutBytes(input.reason, 80),
    notify_url: input.notifyUrl,
    amount: { refund: input.amountFen, total: input.totalFen, currency: 'CNY' },
  })
  const refusal = findRefusal(reply, REFUND_REFUSALS)
  if (refusal) return refusal
  if (reply.kind === 'lost' || reply.status !== 200) return unknown(reply)
  return readRefund(reply.fields)?.outRefundNo === input.outRefundNo
    ? { kind: 'accepted' }
    : { kind: 'unknown', why: 'answer about another refund' }
}

async function queryRefund(client: WechatClient, outTradeNo: string, outRefundNo: string): Promise<RefundQueryOutcome> {
  const reply = await client.call('GET', `/v3/refund/domestic/refunds/${encodeURIComponent(outRefundNo)}`)
  if (isNotFound(reply)) return { kind: 'known', fact: { outTradeNo, outRefundNo, state: 'NOTFOUND' } }
  if (reply.kind === 'lost' || reply.status !== 200) return unknown(reply)
  const fact = readRefund(reply.fields)
  return fact && fact.outRefundNo === outRefundNo && fact.outTradeNo === outTradeNo
    ? { kind: 'known', fact }
    : { kind: 'unknown', why: 'answer about another refund' }
}

/** The address lives for 30 s, so it is used at once. */
async function fetchStatement(client: WechatClient, day: string): Promise<{ raw: Buffer; name: string }> {
  const reply = await client.call('GET', `/v3/bill/tradebill?bill_date=${day}&bill_type=ALL`)
  if (reply.kind === 'said' && reply.code === 'NO_STATEMENT_EXIST') throw new StatementUnavailable('none', reply.message)
  if (reply.kind === 'lost' || reply.status !== 200) throw new StatementUnavailable('unknown', unknown(reply).why)
  const url = textOf(reply.fields, 'download_url')
  const sha1 = textOf(reply.fields, 'hash_value')
  if (!url || !sha1 || textOf(reply.fields, 'hash_type') !== 'SHA1') throw new StatementUnavailable('unknown', 'no address or hash')
  const answer = await client.download(url, STATEMENT_MS_MAX, STATEMENT_BYTES_MAX)
  if (answer.kind === 'lost') throw new StatementUnavailable('unknown', answer.why)
  if (answer.status !== 200) throw new StatementUnavailable('unknown', `download status ${answer.status}`)
  const found = createHash('sha1').update(answer.body).digest('hex')
  if (found !== sha1.toLowerCase()) throw new StatementUnavailable('unknown', 'SHA1 of the file differs from the signed one')
  return { raw: answer.body, name: `wechat-${day}-ALL.csv` }
}

async function refreshCertificates(client: WechatClient, keys: WechatKeys): Promise<string[]> {
  const reply = await client.call('GET', '/v3/certificates')
  if (reply.kind === 'lost' || reply.status !== 200 || !Array.isArray(reply.fields.data)) return []
  const serials: string[] = []
  for (const item of reply.fields.data.slice(0, 20)) {
    const sealed = fieldsOf(fieldsOf(item)?.encrypt_certificate)
    const plain = openSealed(keys.apiV3Key, {
      ciphertext: textOf(sealed, 'ciphertext') ?? '',
      nonce: textOf(sealed, 'nonce') ?? '',
      associatedData: textOf(sealed, 'associated_data') ?? '',
    })
    const serial = textOf(fieldsOf(item), 'serial_no')
    if (!plain || !serial) continue
    const certificate = new X509Certificate(plain)
    if (certificate.serialNumber.replace(/^0+/, '') !== serial.toUpperCase().replace(/^0+/, '')) continue
    keys.platform.set(serial, certificate.publicKey)
    serials.push(serial)
  }
  return serials
}

const rfc3339 = (at: Date): string => `${new Date(at.getTime() + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`

/** Cuts at a character border so that at most `bytes_max` bytes of UTF-8 remain. */
export function cutBytes(text: string, bytes_max: number): string {
  let bytes = 0
  let out = ''
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > bytes_max) break
    out += character
  }
  return out
}
