import { type Ctx, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { type DebitBatch, findDebitBatch, listDebitBatches, mapOrderDebits } from '#modules/payments/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { isDesk, openDesk } from '#web/staff/desk.ts'
import { staffPaths } from '#web/staff/paths.ts'
import { codeName } from '#web/staff/words.ts'
import { t } from '#web/ui/messages.ts'
import { type BatchView, batchesPage, batchPage } from './desk.tsx'

const hrefOf = (id: string): string => `${staffPaths.debits}/${id}`
const viewOf = ({ id, ...batch }: Omit<DebitBatch, 'sha256'>): BatchView => ({ ...batch, href: hrefOf(id) })

/** The debit of an order in one line for the desk, with the way to its batch for who may see it. */
export async function debitLineOf(ctx: Ctx, orderId: string): Promise<{ text: string; href?: string } | undefined> {
  const debit = (await mapOrderDebits(ctx, [orderId])).get(orderId)
  if (!debit) return undefined
  const state = t(ctx.lang)(`staff.debit_row_${debit.state}`)
  const why = debit.failure ? `${t(ctx.lang)('list.comma')}${codeName(ctx.lang, debit.failure)}` : ''
  const text = `${t(ctx.lang)('staff.debit_line', { no: debit.batchNo, state })}${why}`
  return { text, ...(permit(ctx, 'payments.debit.read').ok && { href: hrefOf(debit.batchId) }) }
}

/** Batches of debits for who answers for them: nothing here is decided, all of it can be traced. */
export function addDebitDeskRoutes(server: Server, pages: Pages): void {
  const { enter, deny, refuse } = openDesk(pages)
  const hidden = { schema: { hide: true } } as const
  server.get(staffPaths.debits, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const listed = await listDebitBatches(desk.ctx)
    if (!listed.ok) return deny(desk, reply, listed.error, `GET ${staffPaths.debits}`)
    return pages.html(reply, batchesPage(desk.page, { batches: listed.value.batches.map(viewOf), loose: listed.value.loose }))
  })
  server.get(`${staffPaths.debits}/:id`, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const found = await findDebitBatch(ctx, (request.params as { id: string }).id)
    if (!found.ok)
      return found.error.status === 404 ? refuse(desk, reply, 404) : deny(desk, reply, found.error, `GET ${staffPaths.debits}/:id`)
    const { list, failures, files, sha256, ...batch } = found.value
    const mayOrders = permit(ctx, 'payments.order.read').ok
    return pages.html(
      reply,
      batchPage(desk.page, {
        ...viewOf(batch),
        ...(sha256 && { sha256 }),
        files,
        failures: failures.map(({ failure, count }) => ({ text: codeName(ctx.lang, failure), count })),
        list: list.map(({ orderId, failure, bankNo, ...row }) => ({
          ...row,
          bankNo: bankNo ?? '',
          ...(failure && { why: codeName(ctx.lang, failure) }),
          ...(mayOrders && { href: `/staff/orders/${orderId}` }),
        })),
      }),
    )
  })
}
