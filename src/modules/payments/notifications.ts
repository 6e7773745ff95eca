import { type Kernel, systemCtx } from '#kernel/context.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { findChannel } from './channels.ts'
import { errors } from './errors.ts'
import { readOutTradeNo } from './model.ts'
import { recordTrade } from './service/facts.ts'
import { applyRefundFact } from './service/refunds.ts'

/** Headers worth keeping with a notification as evidence; nothing of the connection. */
const KEPT = [
  'wechatpay-serial',
  'wechatpay-signature',
  'wechatpay-timestamp',
  'wechatpay-nonce',
  'wechatpay-signature-type',
  'request-id',
  'content-type',
]

/**
 * A notification as it came: verified on the raw bytes, then folded. Success is answered only after the commit; a known
 * duplicate and a verified fact we did not expect are a success too, anything else would be repeated for a day.
 */
export async function receiveNotification(
  kernel: Kernel,
  tenantId: number,
  code: string,
  raw: Buffer,
  headers: Record<string, string | undefined>,
): Promise<Result<void>> {
  const channel = findChannel(tenantId, code)
  if (!channel) return fail(errors.channel_not_available, { channel: code })
  const ctx = systemCtx(kernel, tenantId, `payments.${code}`)
  const read = channel.readNotification(raw, headers, kernel.clock.now())
  if (read.kind === 'refused') return fail(errors.notification_refused, { why: read.code })
  if (read.kind === 'refund') {
    await applyRefundFact(ctx, read.fact)
    return ok(undefined)
  }
  const { fact } = read
  if (fact.state !== 'SUCCESS' || !fact.channelTxnNo || fact.amountFen === undefined) return ok(undefined)
  const ours = readOutTradeNo(fact.outTradeNo)
  if (ours?.tenantId !== tenantId) return fail(errors.notification_unknown_order)
  const kept = JSON.stringify(Object.fromEntries(KEPT.flatMap(name => (headers[name] === undefined ? [] : [[name, headers[name]]]))))
  const { channelTxnNo, amountFen } = fact
  const event = { key: read.eventKey, raw, headers: kept }
  const recorded = await recordTrade(ctx, ours.attemptId, { ...fact, channelTxnNo, amountFen }, event)
  if (recorded === 'unknown_attempt') return fail(errors.notification_unknown_order)
  if (recorded === 'conflict') return fail(errors.notification_amount)
  return ok(undefined)
}
