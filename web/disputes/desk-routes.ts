import type { FastifyReply } from 'fastify'
import { type Ctx, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { newCode } from '#kernel/id.ts'
import { periodLabel } from '#kernel/labels.ts'
import {
  answerDispute,
  askDispute,
  type BillState,
  billingErrors,
  DISPUTE_REASONS,
  DISPUTE_WORKING_DAYS,
  DISPUTES_PAGE,
  findBillById,
  isDisputable,
  listDisputes,
  readBill,
  readDisputeNote,
  withdrawDispute,
} from '#modules/billing/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { billerName, maskedAccount, serviceName, textsOf } from '#web/resident/routes/views.ts'
import { type Desk, isDesk, openDesk } from '#web/staff/desk.ts'
import { billState } from '#web/staff/find.ts'
import { staffPaths } from '#web/staff/paths.ts'
import { waitOf } from '#web/staff/routes-rescues.ts'
import { codeName } from '#web/staff/words.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { type DeskDisputeView, type DisputeNotice, deskDisputePage, disputeNotices, disputesPage } from './desk.tsx'
import type { DisputeStage } from './page.tsx'
import { stageOf } from './routes.ts'

const hidden = { schema: { hide: true } } as const
const hrefOf = (billId: string): string => `/staff/bills/${billId}/dispute`

/** Where the check of a bill is at the desk: how it stands, or asking for it; nothing for who may do neither. */
export function deskDisputeOf(ctx: Ctx, state: BillState): { href: string; stage?: DisputeStage } | undefined {
  const stage = stageOf(state)
  const mayAsk = isDisputable(state) && permit(ctx, 'billing.dispute.ask').ok
  return stage || mayAsk ? { href: hrefOf(state.bill.id), ...(stage && { stage }) } : undefined
}

type Typed = { form: 'ask' | 'answer'; values: Readonly<Record<string, string>>; errors: readonly FieldError[] }

function viewOf(ctx: Ctx, state: BillState, told: string | undefined, typed?: Typed): DeskDisputeView {
  const { bill, biller, dispute } = state
  const { lang } = ctx
  const stage = stageOf(state)
  const kind = disputeNotices.find(known => known === told)
  const formOf = (name: Typed['form'], action: string) => ({
    ...{ action, idempotencyKey: newCode(ctx.kernel.random) },
    ...(typed?.form === name && { values: typed.values, errors: typed.errors }),
  })
  const isOwn = dispute?.askedBy === `staff:${ctx.actor.id}`
  const isOpen = stage === 'open'
  const canAsk = isDisputable(state) && permit(ctx, 'billing.dispute.ask').ok
  const note = dispute && readDisputeNote(ctx, dispute)
  return {
    bill: {
      ...{ href: `/staff/bills/${bill.id}`, no: bill.billNo, amountFen: bill.amountFen, dueOn: bill.dueOn },
      ...{ service: serviceName(lang, biller), biller: billerName(lang, biller), accountMasked: maskedAccount(bill.accountNo) },
      ...{ periodLabel: periodLabel(lang, bill.periodFrom, bill.periodTo), state: billState(lang, state).text },
    },
    ...(kind && { notice: { kind, days: DISPUTE_WORKING_DAYS } }),
    ...(dispute &&
      stage && {
        standing: {
          ...{ stage, byWindow: dispute.payer === null, reason: codeName(lang, dispute.reason) },
          ...{ askedAt: dispute.askedAt, dueAt: dispute.dueAt },
          ...(note && { note }),
          ...(dispute.answer && { answer: dispute.answer }),
          ...(dispute.decidedAt && { answeredAt: dispute.decidedAt }),
        },
      }),
    ...(!stage && !isDisputable(state) && { isOver: true }),
    ...(canAsk && { ask: formOf('ask', hrefOf(bill.id)) }),
    ...(isOpen &&
      permit(ctx, 'billing.dispute.answer').ok &&
      (isOwn ? { isOwn } : { answer: formOf('answer', `${hrefOf(bill.id)}/answer`) })),
    ...(isOpen && dispute?.payer === null && permit(ctx, 'billing.dispute.ask').ok && { withdrawAction: `${hrefOf(bill.id)}/withdraw` }),
  }
}

/** Bills to check: the work list, and one bill with what may be done about it. */
export function addDisputeDeskRoutes(server: Server, pages: Pages): void {
  const { enter, deny, refuse } = openDesk(pages)
  const idOf = (request: { params: unknown }) => (request.params as { id: string }).id

  server.get(staffPaths.disputes, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const { page: asked, notice: told } = textsOf(request.query)
    const page = Math.min(Math.max(Number.parseInt(asked ?? '', 10) || 1, 1), 10_000)
    const listed = await listDisputes(ctx, page)
    if (!listed.ok) return deny(desk, reply, listed.error, `GET ${staffPaths.disputes}`)
    const { disputes, total } = listed.value
    const now = ctx.kernel.clock.now()
    const rows = await Promise.all(
      disputes.map(async dispute => {
        const found = await findBillById(ctx, dispute.billId)
        return {
          href: hrefOf(dispute.billId),
          text: found
            ? `${serviceName(ctx.lang, found.biller)} ${periodLabel(ctx.lang, found.bill.periodFrom, found.bill.periodTo)}`
            : t(ctx.lang)('staff.none'),
          accountMasked: found ? maskedAccount(found.bill.accountNo) : '',
          reason: codeName(ctx.lang, dispute.reason),
          amountFen: dispute.amountFen,
          waits: waitOf(ctx.lang, dispute.askedAt, now),
          dueAt: dispute.dueAt,
          isLate: dispute.dueAt < now,
        }
      }),
    )
    const pageCount = Math.max(1, Math.ceil(total / DISPUTES_PAGE))
    const kind = disputeNotices.find(known => known === told)
    const pager = {
      ...{ page, pages: pageCount },
      ...(page > 1 && { prevHref: `${staffPaths.disputes}?page=${page - 1}` }),
      ...(page < pageCount && { nextHref: `${staffPaths.disputes}?page=${page + 1}` }),
    }
    return pages.html(reply, disputesPage(desk.page, { rows, total, pager, ...(kind && { notice: { kind, days: DISPUTE_WORKING_DAYS } }) }))
  })

  async function show(desk: Desk, reply: FastifyReply, id: string, told?: string, typed?: Typed): Promise<FastifyReply> {
    const read = await readBill(desk.ctx, id)
    if (!read.ok)
      return read.error.status === 404 ? refuse(desk, reply, 404) : deny(desk, reply, read.error, 'GET /staff/bills/:id/dispute')
    return pages.html(reply, deskDisputePage(desk.page, viewOf(desk.ctx, read.value.state, told, typed)), typed ? 422 : 200)
  }
  server.get('/staff/bills/:id/dispute', hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? show(desk, reply, idOf(request), textsOf(request.query).notice) : desk
  })
  const to = (reply: FastifyReply, href: string, notice: DisputeNotice) => reply.redirect(`${href}?notice=${notice}`, 303)
  pages.form(server, '/staff/bills/:id/dispute', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const id = idOf(request)
    const may = permit(ctx, 'billing.dispute.ask')
    if (!may.ok) return deny(desk, reply, may.error, 'POST /staff/bills/:id/dispute')
    const values = textsOf(request.body)
    const reason = DISPUTE_REASONS.find(known => known === values.reason)
    const errors = [{ field: 'reason', text: t(ctx.lang)('dispute.error_reason') }]
    if (!reason) return show(desk, reply, id, undefined, { form: 'ask', values, errors })
    const asked = await askDispute(ctx, { billId: id, reason, note: values.note, idempotencyKey: values.idempotency_key })
    if (asked.ok) return to(reply, hrefOf(id), 'asked')
    if (asked.error.code === billingErrors.dispute_exists.code) return reply.redirect(hrefOf(id), 303)
    return deny(desk, reply, asked.error, 'POST /staff/bills/:id/dispute')
  })
  pages.form(server, '/staff/bills/:id/dispute/withdraw', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const id = idOf(request)
    const withdrawn = await withdrawDispute(desk.ctx, id)
    if (withdrawn.ok) return to(reply, hrefOf(id), 'withdrawn')
    if (withdrawn.error.code === billingErrors.dispute_answered.code) return to(reply, hrefOf(id), 'answered_before')
    return deny(desk, reply, withdrawn.error, 'POST /staff/bills/:id/dispute/withdraw')
  })
  pages.form(server, '/staff/bills/:id/dispute/answer', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const id = idOf(request)
    const place = 'POST /staff/bills/:id/dispute/answer'
    const may = permit(ctx, 'billing.dispute.answer')
    if (!may.ok) return deny(desk, reply, may.error, place)
    const values = textsOf(request.body)
    const { decision } = values
    const answer = values.answer?.trim() ?? ''
    const errors = [
      ...(decision === 'uphold' || decision === 'keep' ? [] : [{ field: 'decision', text: t(ctx.lang)('staff.error_decision') }]),
      ...(answer ? [] : [{ field: 'answer', text: t(ctx.lang)('staff.error_answer') }]),
    ]
    if (errors.length > 0) return show(desk, reply, id, undefined, { form: 'answer', values, errors })
    const answered = await answerDispute(ctx, { billId: id, isUpheld: decision === 'uphold', answer })
    if (answered.ok) return to(reply, staffPaths.disputes, 'answered')
    if (answered.error.code !== billingErrors.dispute_answered.code) return deny(desk, reply, answered.error, place)
    // Somebody else was faster: what they answered stands, and the list no longer has it.
    pages.refused({ ...desk.visit, ctx }, answered.error, place)
    return to(reply, staffPaths.disputes, 'answered_before')
  })
}
