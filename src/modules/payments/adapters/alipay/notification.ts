import type { NotificationOutcome, Refused } from '../../ports.ts'
import { parseLocalTime } from '../decimal.ts'
import type { AlipayConfig, AlipayKeys } from './client.ts'
import { areSigned, type Parameters } from './crypto.ts'
import { readTrade } from './facts.ts'

const BODY_BYTES_MAX = 64 * 1024
const FIELDS_MAX = 100

const refused = (code: string, message: string): Refused => ({ kind: 'refused', code, message })

/**
 * Verifies and reads one form-encoded notification. Values are decoded exactly once: the signature is over decoded text,
 * and a second decoding would turn a plain '+' or '%' into something else.
 * The channel repeats for 25 hours with the first notify_time, so there is no window of freshness to check.
 */
export function readNotification(
  config: Pick<AlipayConfig, 'appId' | 'sellerId'>,
  keys: Pick<AlipayKeys, 'platform'>,
  raw: Buffer,
): NotificationOutcome {
  if (raw.length > BODY_BYTES_MAX) return refused('body_too_long', `${raw.length} bytes`)
  const form = readForm(raw)
  if (!form) return refused('body_bad', 'a field stands twice, or too many fields')
  if ((form.charset ?? 'utf-8').toLowerCase() !== 'utf-8') return refused('charset_bad', form.charset!.slice(0, 40))
  if (!areSigned(keys.platform, form)) return refused(form.sign ? 'signature_bad' : 'header_missing', 'RSA2')
  if (form.app_id !== config.appId) return refused('merchant_other', `app_id ${form.app_id}`)
  if (form.seller_id !== config.sellerId) return refused('merchant_other', `seller_id ${form.seller_id}`)
  if (!form.notify_id) return refused('body_bad', 'no notify_id')
  return readEvent(form, form.notify_id)
}

function readForm(raw: Buffer): Parameters | undefined {
  const form: Parameters = Object.create(null)
  let count = 0
  for (const [name, value] of new URLSearchParams(raw.toString())) {
    // Two values for one name would let the signed and the read value differ.
    if (name in form || ++count > FIELDS_MAX) return undefined
    form[name] = value
  }
  return form
}

function readEvent(form: Parameters, eventKey: string): NotificationOutcome {
  const { out_trade_no: outTradeNo, out_biz_no: outRefundNo } = form
  if (outRefundNo && form.refund_fee && outTradeNo) {
    // refund_fee is the sum of all refunds so far, not this one's amount.
    const refundedAt = form.gmt_refund ? parseLocalTime(form.gmt_refund.slice(0, 19)) : undefined
    return { kind: 'refund', eventKey, fact: { outTradeNo, outRefundNo, state: 'SUCCESS', refundedAt } }
  }
  const fact = readTrade({
    outTradeNo,
    status: form.trade_status,
    tradeNo: form.trade_no,
    totalAmount: form.total_amount,
    buyerPayAmount: form.buyer_pay_amount,
    paidAt: form.gmt_payment,
    refundFee: form.refund_fee,
  })
  return fact ? { kind: 'trade', eventKey, fact } : refused('body_bad', `trade_status ${form.trade_status}`)
}
