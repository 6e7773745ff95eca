import type { FastifyRequest } from 'fastify'
import { publicUrl } from '#kernel/config.ts'
import { notifyUrlOf, startAttempt } from '#modules/payments/index.ts'
import type { Visit } from '#web/visit.ts'
import { agentOf, productFor } from './wechat.ts'

/** Sends an order to a channel in the way that fits the browser at hand. */
export const startInWallet = (
  { ctx }: Visit,
  request: FastifyRequest,
  order: { readonly orderId: string; readonly code: string },
  channel: string,
  openid: string | undefined,
) =>
  startAttempt(ctx, {
    orderId: order.orderId,
    channel,
    product: productFor(channel, agentOf(request), openid),
    notifyUrl: notifyUrlOf(ctx, channel),
    returnUrl: `${publicUrl(ctx.kernel.config)}/o/${order.code}?back=1`,
    clientIp: request.ip,
    ...(openid && { openid }),
  })
