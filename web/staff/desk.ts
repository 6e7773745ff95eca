import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Ctx, permit } from '#kernel/context.ts'
import type { AppError } from '#kernel/result.ts'
import { countAskedRescues, countDisputes, staffActor } from '#modules/billing/index.ts'
import { findStaff, type StaffMember } from '#modules/identity/index.ts'
import { countLateBatches, countOpenBreaks, countRefundsWaiting } from '#modules/payments/index.ts'
import { listHelpCalls } from '#modules/tasks/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { t } from '#web/ui/messages.ts'
import { cookieName, type Visit } from '#web/visit.ts'
import { staffPaths } from './paths.ts'
import { staffErrorPage } from './records.tsx'
import type { StaffPageContext } from './shell.tsx'

/** A member of staff at the desk, signed in with both factors. */
export interface Desk {
  readonly visit: Visit
  readonly ctx: Ctx
  readonly page: StaffPageContext
  readonly member: StaffMember
  readonly token: string
}

export interface DeskDoor {
  /** Who is at the desk; otherwise the way to the sign-in, sent already. */
  enter(request: FastifyRequest, reply: FastifyReply): Promise<Desk | FastifyReply>
  refuse(desk: Desk, reply: FastifyReply, status: 403 | 404 | 409): FastifyReply
  /** Refuses with a page and puts it on the trail. */
  deny(desk: Desk, reply: FastifyReply, error: AppError, place: string): FastifyReply
}

/** A reply that was sent already may arrive as nothing: it can be waited for like a promise. */
export const isDesk = (entered: Desk | FastifyReply): entered is Desk => typeof entered === 'object' && 'member' in entered

/** Where this person may go; nothing is offered that would be refused. */
async function placesOf(ctx: Ctx): Promise<NonNullable<StaffPageContext['places']>> {
  const say = t(ctx.lang)
  const rescues = await countAskedRescues(ctx)
  const disputes = await countDisputes(ctx)
  const breaks = await countOpenBreaks(ctx)
  const refunds = await countRefundsWaiting(ctx)
  const help = await listHelpCalls(ctx)
  const debits = await countLateBatches(ctx)
  return [
    ...(permit(ctx, 'payments.console.read').ok
      ? [
          { href: staffPaths.console, text: say('console.title') },
          { href: staffPaths.month, text: say('month.place') },
        ]
      : []),
    ...(permit(ctx, 'billing.bill.read').ok || permit(ctx, 'payments.order.read').ok
      ? [{ href: staffPaths.search, text: say('staff.search') }]
      : []),
    ...(permit(ctx, 'payments.cash.collect').ok ? [{ href: staffPaths.cash, text: say('cash.place') }] : []),
    ...(permit(ctx, 'payments.cash.read').ok ? [{ href: staffPaths.turns, text: say('cash.turns') }] : []),
    ...(rescues.ok ? [{ href: staffPaths.rescues, text: say('staff.rescues'), waiting: rescues.value.count }] : []),
    ...(disputes.ok ? [{ href: staffPaths.disputes, text: say('staff.disputes'), waiting: disputes.value }] : []),
    ...(refunds.ok ? [{ href: staffPaths.refunds, text: say('staff.refund_approvals'), waiting: refunds.value }] : []),
    ...(breaks.ok ? [{ href: staffPaths.reconciliation, text: say('staff.recon'), waiting: breaks.value }] : []),
    ...(breaks.ok ? [{ href: staffPaths.bank, text: say('bank.place') }] : []),
    ...(debits.ok ? [{ href: staffPaths.debits, text: say('staff.debits'), waiting: debits.value }] : []),
    ...(permit(ctx, 'billing.reconcile.read').ok ? [{ href: staffPaths.settlements, text: say('staff.settlements') }] : []),
    ...(permit(ctx, 'billing.rule.ask').ok || permit(ctx, 'billing.rule.agree').ok
      ? [{ href: staffPaths.rules, text: say('rules.place') }]
      : []),
    ...(permit(ctx, 'billing.shadow.read').ok ? [{ href: staffPaths.shadow, text: say('shadow.place') }] : []),
    ...(permit(ctx, 'billing.switchover.read').ok ? [{ href: staffPaths.switchover, text: say('switch.title') }] : []),
    ...(help.ok
      ? [{ href: staffPaths.help, text: say('help_call.title'), waiting: help.value.filter(call => !call.assigneeId).length }]
      : []),
    ...(permit(ctx, 'identity.device.read').ok ? [{ href: staffPaths.devices, text: say('device.devices') }] : []),
    ...(permit(ctx, 'identity.staff.read').ok ? [{ href: staffPaths.accounts, text: say('staff.accounts') }] : []),
  ]
}

export function openDesk(pages: Pages): DeskDoor {
  const { kernel, tenantId } = pages.options
  const cookie = cookieName(kernel, 'staff')
  const refuse: DeskDoor['refuse'] = (desk, reply, status) =>
    pages.html(reply, staffErrorPage(desk.page, { status, requestId: desk.ctx.requestId }), status)
  return {
    refuse,
    deny(desk, reply, error, place) {
      pages.refused({ ...desk.visit, ctx: desk.ctx }, error, place)
      return refuse(desk, reply, error.status === 403 || error.status === 404 ? error.status : 409)
    },
    async enter(request, reply) {
      const visit = await pages.visit(request, reply)
      const token = request.cookies[cookie] ?? ''
      const member = token ? await findStaff(kernel, tenantId, token) : undefined
      // Only pages can be returned to: a form that was posted is not posted again.
      const next = request.method === 'GET' ? `?next=${encodeURIComponent(request.url)}` : ''
      if (!member) return reply.redirect(staffPaths.signIn + next, 303)
      if (!member.secondFactorDone) return reply.redirect(staffPaths.second + next, 303)
      const actor = await staffActor(kernel, tenantId, member)
      const ctx = { ...visit.ctx, actor }
      return { visit, member, token, ctx, page: { ...visit.page, signedIn: { name: member.name }, places: await placesOf(ctx) } }
    },
  }
}
