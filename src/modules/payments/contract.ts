import { z } from 'zod'
import { accessErrors } from '#kernel/context.ts'
import { defineContract } from '#kernel/http/contract.ts'
import { errors } from './errors.ts'

const fen = z.int()
const instant = z.iso.datetime()

export const contract = defineContract({
  getOrder: {
    method: 'GET',
    path: '/orders/:orderId',
    summary: 'One order with its lines, attempts and refunds',
    permission: 'payments.order.read',
    params: z.object({ orderId: z.uuid() }),
    response: z.object({
      id: z.uuid(),
      state: z.enum(['open', 'paid', 'closed']),
      amountFen: fen,
      paidFen: fen,
      refundedFen: fen,
      title: z.string(),
      createdAt: instant,
      paidAt: instant.nullable(),
      lines: z.array(z.object({ subjectKind: z.string(), subjectId: z.uuid(), amountFen: fen })),
      attempts: z.array(z.object({ id: z.uuid(), channel: z.string(), outTradeNo: z.string(), state: z.string(), amountFen: fen })),
      refunds: z.array(z.object({ id: z.uuid(), state: z.string(), amountFen: fen, cause: z.string() })),
    }),
    errors: [errors.order_not_found, accessErrors.sign_in_first, accessErrors.denied],
  },
})
