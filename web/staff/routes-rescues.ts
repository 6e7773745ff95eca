import type { FastifyReply } from 'fastify'
import { type Ctx, type Lang, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import {
  answerRescue,
  billingErrors,
  findRescue,
  listAskedRescues,
  RESCUES_PAGE,
  type Rescue,
  readRescueNote,
} from '#modules/billing/index.ts'
import { listStaffNames } from '#modules/identity/index.ts'
import { findOrderById } from '#modules/payments/index.ts'
import { claimTask, giveBackTask, mapAssignees, taskErrors } from '#modules/tasks/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { textsOf } from '#web/resident/routes/views.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { type Desk, isDesk, openDesk } from './desk.ts'
import { orderText } from './find.ts'
import { staffPaths } from './paths.ts'
import { type HandsView, RESCUE_NOTICES, type RescueNotice, type RescueView, rescuesPage } from './rescues.tsx'
import { codeName } from './words.ts'

const STATES = { asked: 'warn', returned: 'ok', declined: 'bad' } as const

/** How long something waits, as people say it: days, hours or minutes. */
export function waitOf(lang: Lang, from: Date, now: Date): string {
  const minutes = Math.max(0, Math.floor((now.getTime() - from.getTime()) / 60_000))
  if (minutes >= 48 * 60) return t(lang)('staff.wait_days', { n: Math.floor(minutes / (24 * 60)) })
  return minutes >= 60 ? t(lang)('staff.wait_hours', { n: Math.floor(minutes / 60) }) : t(lang)('staff.wait_minutes', { n: minutes })
}

/** The request as the desk shows it beside its order. */
export function rescueView(
  { ctx }: Desk,
  rescue: Rescue,
  typed?: { values: Record<string, string>; errors: readonly FieldError[] },
  hands?: HandsView,
): RescueView {
  const note = readRescueNote(ctx, rescue)
  return {
    state: { text: t(ctx.lang)(`staff.rescue_state_${rescue.state}`), tone: STATES[rescue.state] },
    reason: codeName(ctx.lang, rescue.reason),
    ...(note.ok && note.value && { note: note.value }),
    askedAt: rescue.askedAt,
    dueAt: rescue.dueAt,
    ...(hands && { hands }),
    ...(rescue.answer && { answer: rescue.answer }),
    ...(rescue.answeredAt && { answeredAt: rescue.answeredAt }),
    ...(rescue.state === 'asked' &&
      permit(ctx, 'billing.rescue.answer').ok && {
        form: { action: `/staff/orders/${rescue.orderId}/rescue`, idempotencyKey: newCode(ctx.kernel.random), ...typed },
      }),
  }
}

/** Who has these requests in hand, as the reader may act on it; nothing for who cannot see tasks or for what is answered. */
export async function handsOf(ctx: Ctx, rescues: readonly Rescue[]): Promise<Map<string, HandsView>> {
  const open = rescues.filter(rescue => rescue.state === 'asked' && rescue.taskId)
  const found = await mapAssignees(
    ctx,
    open.flatMap(rescue => rescue.taskId ?? []),
  )
  if (!found.ok) return new Map()
  const names = await listStaffNames(ctx, [...new Set(found.value.values())])
  const mayWork = permit(ctx, 'tasks.task.work').ok && permit(ctx, 'billing.rescue.answer').ok
  return new Map(
    open.map(rescue => {
      const holder = found.value.get(rescue.taskId ?? '')
      const act = !holder ? 'take' : holder === ctx.actor.id ? 'give_back' : undefined
      const view: HandsView = {
        ...(holder && { name: names.get(holder) ?? t(ctx.lang)('staff.colleague') }),
        action: `/staff/orders/${rescue.orderId}/rescue/hands`,
        ...(mayWork && act && { act }),
        what: codeName(ctx.lang, rescue.reason),
      }
      return [rescue.id, view]
    }),
  )
}

type ShowOrder = (desk: Desk, reply: FastifyReply, id: string, typed: Parameters<typeof rescueView>[2]) => Promise<FastifyReply>

/** The work list of wrong payments, and the answer to one; what was typed wrongly comes back with its order. */
export function addRescueRoutes(server: Server, pages: Pages, showOrder: ShowOrder): void {
  const { enter, deny } = openDesk(pages)
  server.get(staffPaths.rescues, { schema: { hide: true } }, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const { page: asked, notice: told, by } = textsOf(request.query)
    const notice = RESCUE_NOTICES.find(known => known === told)
    const takenBy = by && (await listStaffNames(ctx, [by])).get(by)
    const page = Math.min(Math.max(Number.parseInt(asked ?? '', 10) || 1, 1), 10_000)
    const listed = await listAskedRescues(ctx, page)
    if (!listed.ok) return deny(desk, reply, listed.error, `GET ${staffPaths.rescues}`)
    const now = ctx.kernel.clock.now()
    const { rescues, total } = listed.value
    const pageCount = Math.max(1, Math.ceil(total / RESCUES_PAGE))
    const hands = await handsOf(ctx, rescues)
    const rows = await Promise.all(
      rescues.map(async rescue => {
        const order = await findOrderById(ctx, rescue.orderId)
        const its = hands.get(rescue.id)
        return {
          href: `/staff/orders/${rescue.orderId}`,
          text: order ? await orderText(ctx, order) : '',
          reason: codeName(ctx.lang, rescue.reason),
          amountFen: order?.amountFen ?? 0,
          askedAt: rescue.askedAt,
          waits: waitOf(ctx.lang, rescue.askedAt, now),
          dueAt: rescue.dueAt,
          isLate: rescue.dueAt < now,
          ...(its && { hands: its }),
        }
      }),
    )
    return pages.html(
      reply,
      rescuesPage(desk.page, {
        rows,
        total,
        pager: {
          page,
          pages: pageCount,
          ...(page > 1 && { prevHref: `${staffPaths.rescues}?page=${page - 1}` }),
          ...(page < pageCount && { nextHref: `${staffPaths.rescues}?page=${page + 1}` }),
        },
        ...(notice && { notice }),
        ...(takenBy && { takenBy }),
      }),
    )
  })
  pages.form(server, '/staff/orders/:id/rescue/hands', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const place = 'POST /staff/orders/:id/rescue/hands'
    const { id } = request.params as { id: string }
    const may = permit(ctx, 'billing.rescue.answer')
    if (!may.ok) return deny(desk, reply, may.error, place)
    const rescue = isUuid(id) ? await findRescue(ctx, id) : undefined
    if (!rescue?.taskId) return deny(desk, reply, { ...billingErrors.rescue_not_found }, place)
    const isTaking = textsOf(request.body).act === 'take'
    const changed = await (isTaking ? claimTask : giveBackTask)(ctx, { taskId: rescue.taskId })
    const to = (notice: RescueNotice, more = '') => reply.redirect(`${staffPaths.rescues}?notice=${notice}${more}`, 303)
    if (changed.ok) return to(isTaking ? 'taken' : 'given_back')
    pages.refused({ ...desk.visit, ctx }, changed.error, place)
    // Somebody else was faster, by a click or by an answer.
    if (changed.error.code === taskErrors.task_taken.code) return to('taken_before', `&by=${changed.error.params?.by ?? ''}`)
    if (changed.error.code === taskErrors.task_finished.code) return to('answered_before')
    return deny(desk, reply, changed.error, place)
  })
  pages.form(server, '/staff/orders/:id/rescue', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const place = 'POST /staff/orders/:id/rescue'
    const { id } = request.params as { id: string }
    const may = permit(desk.ctx, 'billing.rescue.answer')
    if (!may.ok) return deny(desk, reply, may.error, place)
    if (!isUuid(id) || !(await findRescue(desk.ctx, id))) return deny(desk, reply, { ...billingErrors.rescue_not_found }, place)
    const values = textsOf(request.body)
    const decision = values.decision === 'agree' || values.decision === 'refuse' ? values.decision : undefined
    const answer = values.answer?.trim() ?? ''
    const errors = [
      ...(decision ? [] : [{ field: 'decision', text: t(desk.ctx.lang)('staff.error_decision') }]),
      ...(answer ? [] : [{ field: 'answer', text: t(desk.ctx.lang)('staff.error_answer') }]),
    ]
    if (errors.length > 0) return showOrder(desk, reply, id, { values, errors })
    const answered = await answerRescue(desk.ctx, { orderId: id, isAgreed: decision === 'agree', answer })
    if (answered.ok) return reply.redirect(`${staffPaths.rescues}?notice=answered`, 303)
    if (answered.error.code !== billingErrors.rescue_answered.code) return deny(desk, reply, answered.error, place)
    // Somebody else was faster: what they answered stands, and the list no longer has it.
    pages.refused({ ...desk.visit, ctx: desk.ctx }, answered.error, place)
    return reply.redirect(`${staffPaths.rescues}?notice=answered_before`, 303)
  })
}
