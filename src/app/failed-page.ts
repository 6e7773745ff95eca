import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AppError } from '#kernel/result.ts'
import { getBill } from '#modules/billing/index.ts'
import { askChannel, attemptStateOf, findOrderByCode, type OrderView, orderStateOf } from '#modules/payments/index.ts'
import { troublePage } from '#web/kiosk/device.tsx'
import type { Pages } from '#web/resident/routes/pages.ts'
import type { Visit } from '#web/visit.ts'

type Money = NonNullable<Parameters<Pages['error']>[3]>

/** What became of the money of an order that may not have been written down. */
async function moneyOfOrder(visit: Visit, order: OrderView): Promise<Money> {
  if (orderStateOf(order.state) !== 'open' || order.mismatch)
    return orderStateOf(order.state) === 'closed' ? 'not_charged' : 'charged_pending'
  const asked = order.attempts.filter(a => ['submitted', 'pending', 'unknown', 'closing'].includes(attemptStateOf(a.state)))
  if (asked.length === 0) return 'not_charged'
  try {
    const answers = await Promise.all(asked.map(attempt => askChannel(visit.ctx, attempt)))
    if (answers.includes('paid')) return 'charged_pending'
    return answers.includes('unknown') ? 'unknown' : 'not_charged'
  } catch {
    // Only a payment is written down here: the channel says paid and there is no room for it yet.
    return 'charged_pending'
  }
}

/** Whether money moved, for a request on a bill or an order that met no database to write to; undefined elsewhere. */
async function moneyOf(visit: Visit, request: FastifyRequest): Promise<Money | undefined> {
  const route = request.routeOptions.url ?? ''
  const { code = '' } = (request.params ?? {}) as { code?: string }
  const isBill = request.method === 'POST' && route.startsWith('/b/:code')
  if (!isBill && !route.startsWith('/o/:code')) return undefined
  try {
    const found = isBill ? await getBill(visit.ctx, code, visit.payers) : undefined
    const claim = found?.ok ? found.value.claim : undefined
    if (isBill && !(claim && visit.payers.includes(claim.payer))) return 'not_charged'
    const order = await findOrderByCode(visit.ctx, claim?.orderCode ?? code)
    return order && visit.payers.includes(order.payer) ? await moneyOfOrder(visit, order) : 'not_charged'
  } catch {
    // Nothing can be read: pressing "pay" moves nothing by itself, coming back from a wallet may have.
    return isBill ? 'not_charged' : 'unknown'
  }
}

/**
 * Too many tries, and faults of ours, as a page for whoever looks at one; programs are answered in problem details.
 * `bare` makes pages without asking the database who visits.
 */
export async function showFailure(
  pages: Pages,
  bare: Pages,
  request: FastifyRequest,
  reply: FastifyReply,
  error: AppError,
): Promise<FastifyReply | undefined> {
  const isPage = !/^\/(api|push|notify)\//.test(request.url) && /\btext\/html\b/.test(request.headers.accept ?? '')
  if (!isPage || (error.status !== 429 && error.status < 500)) return undefined
  if (request.url.startsWith('/kiosk')) return pages.html(reply, troublePage('zh-CN', pages.options.phone), error.status)
  // What keeps the database from saying who visits is often what is being told.
  const visit = await pages.visit(request, reply).catch(() => bare.visit(request, reply))
  return pages.error(visit, reply, error, error.status === 503 ? await moneyOf(visit, request) : undefined)
}
