import type { Ctx } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { billingErrors, listPastPayments } from '#modules/billing/index.ts'
import type { PagerView } from '#web/ui/parts.tsx'
import type { Visit } from '#web/visit.ts'
import { pastPage } from '../past.tsx'
import { billers, type Kept, listKept } from './accounts.ts'
import type { Pages } from './pages.ts'
import { maskedAccount, textsOf } from './views.ts'

const pathOf = (accountId: string): string => `/mine/households/${accountId}/past`

/**
 * Anybody may put an account number on a list of their own; what was paid on it is for a resident who signed in and says that it is
 * theirs, and for family they share it with.
 */
const maySee = (visit: Visit, kept: Kept): boolean => !!visit.resident && kept.relation !== 'helper'

/** Where the earlier payments of an account are; undefined without any. */
export async function pastLinkOf(visit: Visit, kept: Kept): Promise<string | undefined> {
  if (!maySee(visit, kept)) return undefined
  return (await listPastPayments(visit.ctx, kept.id)).payments.length > 0 ? pathOf(kept.id) : undefined
}

const PAGE_MAX = 10_000

export const pageNumber = (query: unknown): number => {
  const page = Number(textsOf(query).page ?? 1)
  return Number.isInteger(page) && page >= 1 && page <= PAGE_MAX ? page : 1
}

export const pagerOf = (href: string, page: number, pages: number): PagerView => ({
  page,
  pages,
  ...(page > 1 && { prevHref: `${href}?page=${page - 1}` }),
  ...(page < pages && { nextHref: `${href}?page=${page + 1}` }),
})

export async function readPast(ctx: Ctx, accountId: string, href: string, page: number) {
  const found = await listPastPayments(ctx, accountId, page)
  const rows = found.payments.map(({ paidOn, amountFen, billNo, channel, paymentNo }) => ({
    ...{ paidOn, amountFen, paymentNo },
    ...(billNo && { billNo }),
    ...(channel && { channel }),
  }))
  return { rows, total: found.total, pager: pagerOf(href, page, found.pages) }
}

/** What the system before took for an account a resident keeps. */
export function addPastRoutes(server: Server, pages: Pages): void {
  server.get('/mine/households/:id/past', { schema: { hide: true } }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const kept = (await listKept(visit)).find(k => k.id === (request.params as { id: string }).id)
    if (!kept || !maySee(visit, kept)) return pages.error(visit, reply, billingErrors.account_not_found)
    const { rows, pager } = await readPast(visit.ctx, kept.id, pathOf(kept.id), pageNumber(request.query))
    return pages.html(
      reply,
      pastPage(visit.page, {
        service: (await billers(visit)).find(b => b.id === kept.billerId)!.service,
        accountMasked: maskedAccount(kept.accountNo),
        backHref: `/mine/households/${kept.id}`,
        payments: rows,
        pager,
      }),
    )
  })
}
