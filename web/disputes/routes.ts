import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import { newCode } from '#kernel/id.ts'
import { periodLabel } from '#kernel/labels.ts'
import { dayOf } from '#kernel/time.ts'
import {
  askDispute,
  type BillForPayer,
  type BillState,
  billingErrors,
  DISPUTE_REASONS,
  DISPUTE_WORKING_DAYS,
  dueFen,
  getBill,
  isDisputable,
  isHeldBack,
  readDisputeNote,
  withdrawDispute,
} from '#modules/billing/index.ts'
import { paths } from '#web/resident/paths.ts'
import { listKept } from '#web/resident/routes/accounts.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { billerName, maskedAccount, serviceName, textsOf } from '#web/resident/routes/views.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import type { Visit } from '#web/visit.ts'
import { type DisputeStage, type DisputeView, disputePage } from './page.tsx'

const codeOf = (request: FastifyRequest): string => (request.params as { code: string }).code
const hrefOf = (code: string): string => `/b/${encodeURIComponent(code)}`

/** How the check of a bill stands, in one word. */
export function stageOf(state: Pick<BillState, 'bill' | 'dispute'>): DisputeStage | undefined {
  const { dispute } = state
  if (!dispute || dispute.state === 'withdrawn') return undefined
  return dispute.state === 'upheld' && !isHeldBack(state) ? 'corrected' : dispute.state
}

/** Where a bill is asked about, or how that stands; nothing for what is over. */
export const disputeHrefOf = (found: BillForPayer): string | undefined =>
  found.dispute || isDisputable(found) ? `${hrefOf(found.bill.code)}/dispute` : undefined

/** What has to be done before a visitor can ask: the answer goes to somebody who is known and keeps the account. */
async function firstOf(visit: Visit, accountId: string): Promise<DisputeView['first']> {
  if (!visit.resident) return 'sign_in'
  return (await listKept(visit)).some(kept => kept.id === accountId) ? undefined : 'keep'
}

function standingOf(visit: Visit, found: BillForPayer): DisputeView['standing'] {
  const { dispute } = found
  const stage = stageOf(found)
  if (!dispute || !stage) return undefined
  const isMine = visit.resident !== undefined && dispute.payer === `resident:${visit.resident.id}`
  const note = readDisputeNote(visit.ctx, dispute)
  return {
    ...{ stage, reason: dispute.reason, askedAt: dispute.askedAt, dueOn: dayOf(dispute.dueAt) },
    ...(note && { note }),
    ...(dispute.answer && { answer: dispute.answer }),
    ...(dispute.decidedAt && { answeredAt: dispute.decidedAt }),
    ...(isMine && stage === 'open' && { withdrawAction: `${hrefOf(found.bill.code)}/dispute/withdraw` }),
  }
}

/** A resident has a bill checked: one form from the bill, and one page for what comes of it. */
export function addDisputeRoutes(server: Server, pages: Pages): void {
  async function show(
    visit: Visit,
    reply: FastifyReply,
    code: string,
    typed?: { values: Readonly<Record<string, string>>; errors: readonly FieldError[] },
  ): Promise<FastifyReply> {
    const found = await getBill(visit.ctx, code, visit.payers)
    if (!found.ok) return pages.error(visit, reply, found.error)
    const { bill, biller } = found.value
    const { lang } = visit.ctx
    const first = await firstOf(visit, bill.accountId)
    const canAsk = isDisputable(found.value)
    // What came of it is for who keeps the account; of others it says as much as the bill does.
    const standing = first ? undefined : standingOf(visit, found.value)
    const href = hrefOf(code)
    const action = `${href}/dispute`
    const view: DisputeView = {
      bill: {
        ...{ href, service: serviceName(lang, biller), biller: billerName(lang, biller), accountMasked: maskedAccount(bill.accountNo) },
        periodLabel: periodLabel(lang, bill.periodFrom, bill.periodTo),
        amountFen: dueFen(found.value) || bill.amountFen,
      },
      days: DISPUTE_WORKING_DAYS,
      ...(standing && { standing }),
      ...(!found.value.dispute && !canAsk && { isOver: true }),
      ...((canAsk || found.value.dispute) && first && { first, signInHref: `${paths.signIn}?next=${encodeURIComponent(action)}` }),
      ...(canAsk && !first && { form: { action, idempotencyKey: newCode(visit.ctx.kernel.random), ...typed } }),
    }
    return pages.html(reply, disputePage(visit.page, view), typed ? 422 : 200)
  }
  server.get('/b/:code/dispute', { schema: { hide: true } }, async (request, reply) =>
    show(await pages.visit(request, reply), reply, codeOf(request)),
  )
  pages.form(server, '/b/:code/dispute', { per_minute: 10 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const code = codeOf(request)
    const values = textsOf(request.body)
    const reason = DISPUTE_REASONS.find(known => known === values.reason)
    const found = await getBill(visit.ctx, code, visit.payers)
    if (!found.ok) return pages.error(visit, reply, found.error)
    if (await firstOf(visit, found.value.bill.accountId)) return reply.redirect(`${hrefOf(code)}/dispute`, 303)
    if (!reason) return show(visit, reply, code, { values, errors: [{ field: 'reason', text: t(visit.ctx.lang)('dispute.error_reason') }] })
    const asked = await askDispute(visit.ctx, {
      ...{ billId: found.value.bill.id, reason, note: values.note },
      idempotencyKey: values.idempotency_key,
    })
    // Asked by somebody else a moment ago, or paid since: the page says how it stands.
    const isSettled = !asked.ok && [billingErrors.dispute_exists.code, billingErrors.dispute_over.code].some(c => c === asked.error.code)
    if (!asked.ok && !isSettled) return pages.error(visit, reply, asked.error)
    return reply.redirect(`${hrefOf(code)}/dispute`, 303)
  })
  pages.form(server, '/b/:code/dispute/withdraw', { per_minute: 10 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const code = codeOf(request)
    const found = await getBill(visit.ctx, code, visit.payers)
    if (!found.ok) return pages.error(visit, reply, found.error)
    const withdrawn = await withdrawDispute(visit.ctx, found.value.bill.id)
    const isLate = !withdrawn.ok && withdrawn.error.code === billingErrors.dispute_answered.code
    if (!withdrawn.ok && !isLate) return pages.error(visit, reply, withdrawn.error)
    return reply.redirect(`${hrefOf(code)}/dispute`, 303)
  })
}
