import { permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { getPerson } from '#modules/identity/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { t } from '#web/ui/messages.ts'
import { isDesk, openDesk } from './desk.ts'
import { listOrdersOfResident } from './find.ts'
import { residentPage } from './resident.tsx'

/** One resident at the desk; that they were looked at stands in their own list of readings. */
export function addResidentRoutes(server: Server, pages: Pages): void {
  const { enter, deny } = openDesk(pages)
  server.get('/staff/residents/:id', { schema: { hide: true } }, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const found = await getPerson(ctx, (request.params as { id: string }).id)
    if (!found.ok) return deny(desk, reply, found.error, 'GET /staff/residents/:id')
    const { id, nameMasked, phoneMasked, households } = found.value
    return pages.html(
      reply,
      residentPage(desk.page, {
        name: nameMasked ?? t(ctx.lang)('staff.no_name'),
        phone: phoneMasked ?? '',
        addresses: households.map(h => h.addressMasked),
        orders: permit(ctx, 'payments.order.read').ok ? await listOrdersOfResident(ctx, id) : [],
      }),
    )
  })
}
