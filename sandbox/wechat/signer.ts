import { createCipheriv, createPrivateKey, createPublicKey, type KeyObject, randomBytes, randomUUID, sign, verify } from 'node:crypto'
import type { Coupon } from '../common/trade-book.ts'
import type { WechatKeyFiles } from './keys.ts'

/** The channel's side of the cryptography, written apart from the merchant's client. */
export interface WechatSigner {
  mchid: string
  appid: string
  /** Of the mini programme. */
  miniAppid: string
  apiV3Key: Buffer
  merchantSerial: string
  merchantKey: KeyObject
  /** Certificate first, then the public-key mode. */
  keys: readonly { serial: string; key: KeyObject }[]
}

export function wechatSigner({ merchant, platform }: WechatKeyFiles): WechatSigner {
  return {
    mchid: merchant.mchid,
    appid: merchant.appid,
    miniAppid: merchant.mini.appid,
    apiV3Key: Buffer.from(merchant.apiV3Key),
    merchantSerial: merchant.merchantSerial,
    merchantKey: createPublicKey(platform.merchantPublicKeyPem),
    keys: [platform.certificate, platform.publicKey].map(({ serial, privateKeyPem }) => ({ serial, key: createPrivateKey(privateKeyPem) })),
  }
}

/** Headers that sign one body sent to the merchant. `serial` picks the key, by default the first. */
export function signBody(signer: WechatSigner, body: string, now: Date, serial?: string): Record<string, string> {
  const chosen = signer.keys.find(candidate => candidate.serial === serial) ?? signer.keys[0]!
  const timestamp = String(Math.floor(now.getTime() / 1000))
  const nonce = randomBytes(16).toString('hex')
  return {
    'Wechatpay-Timestamp': timestamp,
    'Wechatpay-Nonce': nonce,
    'Wechatpay-Serial': chosen.serial,
    'Wechatpay-Signature': sign('RSA-SHA256', Buffer.from(`${timestamp}\n${nonce}\n${body}\n`), chosen.key).toString('base64'),
    'Wechatpay-Signature-Type': 'WECHATPAY2-SHA256-RSA2048',
  }
}

/** AEAD_AES_256_GCM as the channel writes it: text, then the tag, in base64. */
export function seal(
  apiV3Key: Buffer,
  plain: string,
  associatedData: string,
): { nonce: string; ciphertext: string; associated_data: string } {
  const nonce = randomBytes(6).toString('hex')
  const cipher = createCipheriv('aes-256-gcm', apiV3Key, Buffer.from(nonce))
  cipher.setAAD(Buffer.from(associatedData))
  const text = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return { nonce, ciphertext: text.toString('base64'), associated_data: associatedData }
}

export interface SignedMessage {
  headers: Record<string, string>
  body: string
}

/** `type` such as 'TRANSACTION.SUCCESS'; the resource is sealed, the whole signed with a fresh timestamp. */
export function makeNotice(
  signer: WechatSigner,
  notice: { id: string; type: string; kind: string; summary: string; resource: object },
  now: Date,
  serial?: string,
): SignedMessage {
  const body = JSON.stringify({
    id: notice.id,
    create_time: localTime(now),
    resource_type: 'encrypt-resource',
    event_type: notice.type,
    summary: notice.summary,
    resource: {
      original_type: notice.kind,
      algorithm: 'AEAD_AES_256_GCM',
      ...seal(signer.apiV3Key, JSON.stringify(notice.resource), notice.kind),
    },
  })
  return { headers: { 'Content-Type': 'application/json', ...signBody(signer, body, now, serial) }, body }
}

export interface PaidTrade {
  outTradeNo: string
  amountFen: number
  txnNo: string
  paidAt: Date
  openid?: string
  tradeType?: string
  /** Of the account that ordered it, unless it is the official one. */
  appid?: string
  coupon?: Coupon
  /** Equal on repetitions of one notification. */
  id?: string
}

/** The success notification of one payment, ready to be posted: also for benchmarks, without any server. */
export function makeNotification(signer: WechatSigner, trade: PaidTrade, now: Date = new Date(), serial?: string): SignedMessage {
  const resource = tradeResource(signer, { ...trade, state: 'SUCCESS' })
  return makeNotice(
    signer,
    { id: trade.id ?? randomUUID(), type: 'TRANSACTION.SUCCESS', kind: 'transaction', summary: '支付成功', resource },
    now,
    serial,
  )
}

/** A transaction as queries and notifications show it. */
export function tradeResource(
  signer: WechatSigner,
  trade: Omit<PaidTrade, 'txnNo' | 'paidAt'> & { state: string; txnNo?: string; paidAt?: Date },
): object {
  return {
    mchid: signer.mchid,
    appid: trade.appid ?? signer.appid,
    out_trade_no: trade.outTradeNo,
    ...(trade.txnNo && { transaction_id: trade.txnNo }),
    trade_type: trade.tradeType ?? 'NATIVE',
    trade_state: trade.state,
    trade_state_desc: STATE_WORDS[trade.state] ?? trade.state,
    bank_type: 'OTHERS',
    attach: '',
    ...(trade.paidAt && { success_time: localTime(trade.paidAt) }),
    payer: { openid: trade.openid ?? 'o-sandbox-payer' },
    amount: { total: trade.amountFen, payer_total: trade.amountFen - (trade.coupon?.fen ?? 0), currency: 'CNY', payer_currency: 'CNY' },
    ...(trade.coupon && { promotion_detail: [promotionOf(trade.coupon)] }),
  }
}

const promotionOf = ({ name, fen, funder }: Coupon): object => ({
  coupon_id: '109519',
  name,
  scope: 'GLOBAL',
  // The merchant's own is not backed by money put in before.
  type: funder === 'merchant' ? 'NOCASH' : 'CASH',
  amount: fen,
  wechatpay_contribute: funder === 'channel' ? fen : 0,
  merchant_contribute: funder === 'merchant' ? fen : 0,
  other_contribute: 0,
  currency: 'CNY',
})

const STATE_WORDS: Readonly<Record<string, string>> = {
  SUCCESS: '支付成功',
  REFUND: '转入退款',
  NOTPAY: '订单未支付',
  CLOSED: '订单已关闭',
}

/** '2021-06-24T16:37:26+08:00' */
export const localTime = (at: Date): string => `${new Date(at.getTime() + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`

const AUTHORIZATION = /^WECHATPAY2-SHA256-RSA2048 (.+)$/

/** Undefined when the merchant's signature holds, else what is wrong with it. */
export function findRequestFault(
  signer: WechatSigner,
  request: { authorization: string | undefined; method: string; target: string; body: Buffer },
  now: Date,
): string | undefined {
  const list = AUTHORIZATION.exec(request.authorization ?? '')?.[1]
  if (!list) return 'no Authorization of the known scheme'
  const fields = new Map<string, string>()
  for (const [, name, value] of list.matchAll(/(\w+)="([^"]*)"/g)) fields.set(name!, value!)
  if (fields.get('mchid') !== signer.mchid) return 'unknown mchid'
  if (fields.get('serial_no') !== signer.merchantSerial) return 'unknown serial_no'
  const timestamp = fields.get('timestamp') ?? ''
  if (!(Math.abs(now.getTime() / 1000 - Number(timestamp)) <= 300)) return 'timestamp out of range'
  const head = Buffer.from(`${request.method}\n${request.target}\n${timestamp}\n${fields.get('nonce_str')}\n`)
  const message = Buffer.concat([head, request.body, Buffer.from('\n')])
  const signature = Buffer.from(fields.get('signature') ?? '', 'base64')
  return verify('RSA-SHA256', message, signer.merchantKey, signature) ? undefined : 'signature does not match'
}
