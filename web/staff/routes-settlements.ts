import type { Server } from '#kernel/http/server.ts'
import { listBillers, readCorrected, readSettlement, viewSettlements } from '#modules/billing/index.ts'
import type { OpenDay } from '#modules/payments/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { billerName } from '#web/resident/routes/views.ts'
import { t } from '#web/ui/messages.ts'
import type { PageContext } from '#web/ui/page.tsx'
import { type Billers, partyName } from './checks/party.ts'
import { isDesk, openDesk } from './desk.ts'
import { staffPaths } from './paths.ts'
import { settlementsPage } from './settlements.tsx'

/** What is in the way of closing a day. */
export const whyOpen = (lang: PageContext['lang'], { why, what }: OpenDay, billers: Billers): string =>
  t(lang)(`staff.settle_why_${why}`, { what: why === 'drawer' ? what : partyName(lang, what, billers) })

/** Settlements of billers: whoever may reconcile sees all, staff of a biller its own. */
export function addSettlementRoutes(server: Server, pages: Pages): void {
  const { enter, deny, refuse } = openDesk(pages)
  const hidden = { schema: { hide: true } } as const
  server.get(staffPaths.settlements, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const seen = await viewSettlements(ctx)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.settlements}`)
    const listed = await listBillers(ctx)
    const billers = new Map(listed.map(biller => [biller.id, biller]))
    return pages.html(
      reply,
      settlementsPage(desk.page, {
        rows: seen.value.made.map(({ id, billerId, day, rows, collectedFen, returnedFen, corrections, correctedFen }) => {
          const biller = billers.get(billerId)
          const href = `${staffPaths.settlements}/${id}`
          return {
            ...{ day, rows, collectedFen, returnedFen, href },
            biller: biller ? billerName(ctx.lang, biller) : billerId,
            ...(corrections > 0 && { corrected: { count: corrections, fen: correctedFen, href: `${href}/corrected` } }),
          }
        }),
        waiting: seen.value.waiting.map(open => ({ day: open.day, why: whyOpen(ctx.lang, open, listed) })),
      }),
    )
  })
  for (const [path, read] of [
    [`${staffPaths.settlements}/:id`, readSettlement],
    [`${staffPaths.settlements}/:id/corrected`, readCorrected],
  ] as const)
    server.get(path, hidden, async (request, reply) => {
      const desk = await enter(request, reply)
      if (!isDesk(desk)) return desk
      const found = await read(desk.ctx, (request.params as { id: string }).id)
      if (!found.ok) return found.error.status === 404 ? refuse(desk, reply, 404) : deny(desk, reply, found.error, `GET ${path}`)
      void reply.type('text/csv; charset=utf-8').header('content-disposition', `attachment; filename="${found.value.name}"`)
      return reply.header('cache-control', 'no-store').send(found.value.file)
    })
}
