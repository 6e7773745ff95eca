import type { FastifyReply, FastifyRequest } from 'fastify'
import { accessErrors, proved } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import { periodLabel } from '#kernel/labels.ts'
import type { AppError } from '#kernel/result.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import {
  billingErrors,
  CEILINGS_FEN,
  type Consent,
  changeDebit,
  DAYS_BEFORE,
  type Debit,
  type DebitTerms,
  findDebitOf,
  hasDebitBank,
  listBillers,
  listDebits,
  previewDebit,
  switchOffDebit,
  switchOnDebit,
} from '#modules/billing/index.ts'
import { mapOrderDebits, paymentErrors } from '#modules/payments/index.ts'
import { paths } from '#web/resident/paths.ts'
import { type Kept, listKept } from '#web/resident/routes/accounts.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { billerName, maskedAccount, serviceName, textsOf } from '#web/resident/routes/views.ts'
import { type FieldErrorName, fieldError } from '#web/ui/field-errors.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import type { Visit } from '#web/visit.ts'
import { type DebitDetailView, type DebitNotice, type DebitView, debitNotices, debitPage, debitsPage } from './list.tsx'
import { type MandateView, mandatePage, offPage } from './mandate.tsx'
import { type WordingOf, wordingOf } from './wording.ts'

const hidden = { schema: { hide: true } } as const
const YEAR_DAYS = 365
/** What most people would choose. */
const USUAL: DebitTerms = { ceilingFen: 50_000, daysBefore: 3, untilOn: null }

const newHref = (accountId: string): string => `${paths.debitNew}?account=${accountId}`
const signInHref = (next: string): string => `${paths.signIn}?next=${encodeURIComponent(next)}`
const proofHref = (next: string): string => `${signInHref(next)}&again=1`
/** Asked for before the form and well before the rules insist: whoever fills it in slowly loses nothing. */
const PROOF_MS = 10 * 60_000

/** Where to go first: to sign in, or to prove that it is still whoever signed in. */
function notYet(visit: Visit, next: string): string | undefined {
  if (!visit.resident) return signInHref(next)
  return proved(visit.ctx, PROOF_MS).ok ? undefined : proofHref(next)
}

/** Where auto-debit of an account at hand is switched on or looked after; undefined for who did not sign in, or keeps no such account. */
export async function debitLinkOf(visit: Visit, accountId: string): Promise<{ href: string; isOn: boolean } | undefined> {
  if (!visit.resident || !hasDebitBank(visit.ctx)) return undefined
  const live = await findDebitOf(visit.ctx, accountId)
  if (live && live.state !== 'suspended') return { href: `${paths.debits}/${live.id}`, isOn: true }
  return (await listKept(visit)).some(kept => kept.id === accountId) ? { href: newHref(accountId), isOn: false } : undefined
}

function viewOf(visit: Visit, debit: Debit): DebitView {
  const { lang } = visit.ctx
  const base = `${paths.debits}/${debit.id}`
  return {
    ...{ href: base, offHref: `${base}/off`, againHref: newHref(debit.accountId), card: debit.cardMask, state: debit.state },
    ...{ ceilingFen: debit.ceilingFen, daysBefore: debit.daysBefore, untilOn: debit.untilOn },
    service: serviceName(lang, debit.biller),
    biller: billerName(lang, debit.biller),
    accountMasked: maskedAccount(debit.account.accountNo),
    ...(debit.why && { why: debit.why }),
    ...(debit.next && { next: debit.next }),
    items: debit.items.map(item => ({
      ...{ day: item.day, amountFen: item.amountFen, outcome: item.outcome, ...(item.failure && { failure: item.failure }) },
      period: periodLabel(lang, item.periodFrom, item.periodTo),
    })),
  }
}

async function showList(pages: Pages, visit: Visit, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const listed = await listDebits(visit.ctx)
  const base = { atBank: [], debits: [], offers: [] }
  if (!listed.ok) return pages.html(reply, debitsPage(visit.page, { ...base, signInHref: signInHref(paths.debits) }))
  const debits = listed.value
  const query = textsOf(request.query)
  const kind = debitNotices.find(known => known === query.notice)
  const about = debits.find(debit => debit.id === query.of)
  const billers = new Map((await listBillers(visit.ctx)).map(biller => [biller.id, biller]))
  const live = new Set(debits.filter(debit => debit.state !== 'ended').map(debit => debit.accountId))
  const free = hasDebitBank(visit.ctx) ? (await listKept(visit)).filter(kept => !live.has(kept.id) && !kept.isClosed) : []
  return pages.html(
    reply,
    debitsPage(visit.page, {
      ...(kind && about && { notice: { kind, service: serviceName(visit.ctx.lang, about.biller) } }),
      atBank: kind === 'off' && about ? about.items.filter(item => item.outcome === 'waiting') : [],
      debits: debits.map(debit => viewOf(visit, debit)),
      offers: free.map(kept => ({
        href: newHref(kept.id),
        service: serviceName(visit.ctx.lang, billers.get(kept.billerId)!),
        accountMasked: maskedAccount(kept.accountNo),
        ...(kept.nickname && { nickname: kept.nickname }),
      })),
    }),
  )
}

/** Terms as chosen on the page; what is not one of its choices is left to the rules to refuse. */
function readTerms(visit: Visit, body: Record<string, string>): DebitTerms {
  const untilOn = body.until === 'open' ? null : (body.until ?? '')
  return {
    ceilingFen: Number(body.ceiling ?? Number.NaN),
    daysBefore: Number(body.days ?? Number.NaN),
    untilOn: /^\d{4}-\d{2}-\d{2}$/.test(untilOn ?? '') || untilOn === null ? untilOn : dayOf(visit.ctx.kernel.clock.now()),
  }
}

const shownTerms = (terms: DebitTerms): DebitTerms => ({
  ceilingFen: Number.isSafeInteger(terms.ceilingFen) && terms.ceilingFen > 0 ? terms.ceilingFen : USUAL.ceilingFen,
  daysBefore: DAYS_BEFORE.find(days => days === terms.daysBefore) ?? USUAL.daysBefore,
  untilOn: terms.untilOn,
})

const ERRORS: Readonly<Record<string, FieldErrorName>> = {
  [paymentErrors.card_malformed.code]: 'debitCard',
  [billingErrors.debit_ceiling.code]: 'debitCeiling',
  [billingErrors.debit_days.code]: 'debitWhen',
  [billingErrors.debit_until.code]: 'debitUntil',
  [billingErrors.debit_consent_missing.code]: 'debitConsent',
  [billingErrors.debit_exists.code]: 'debitExists',
  [billingErrors.debit_changed.code]: 'debitChanged',
}
const REFUSALS: Readonly<Record<string, FieldErrorName>> = { PHONE_MISMATCH: 'debitPhone', ACCOUNT_CLOSED: 'debitClosed' }

function wordsFor(visit: Visit, error: AppError): FieldError[] {
  const name =
    error.code === billingErrors.debit_bank_refused.code
      ? (REFUSALS[String(error.params?.why)] ?? 'debitBank')
      : (ERRORS[error.code] ?? 'debitAgain')
  return [fieldError(visit.ctx.lang, name)]
}

/** Everything that is missing in a form, at once. */
const missingIn = (visit: Visit, body: Record<string, string>): FieldError[] => [
  ...(body.card?.trim() ? [] : [fieldError(visit.ctx.lang, 'debitCard')]),
  ...(body.consent ? [] : [fieldError(visit.ctx.lang, 'debitConsent')]),
]

function baseView(
  visit: Visit,
  of: WordingOf,
  chosen: DebitTerms,
): Pick<MandateView, keyof WordingOf | 'terms' | 'ceilings' | 'days' | 'untils' | 'idempotencyKey'> {
  const terms = shownTerms(chosen)
  const yearOn = addDays(dayOf(visit.ctx.kernel.clock.now()), YEAR_DAYS)
  return {
    ...of,
    terms,
    ceilings: [...new Set([...CEILINGS_FEN, terms.ceilingFen])].sort((a, b) => a - b),
    days: [...DAYS_BEFORE].sort((a, b) => b - a),
    untils: [...new Set([null, yearOn, terms.untilOn])],
    idempotencyKey: newCode(visit.ctx.kernel.random),
  }
}

const consentOf = (visit: Visit, of: WordingOf, terms: DebitTerms, body: Record<string, string>): Consent => ({
  terms,
  wording: Number.isSafeInteger(terms.ceilingFen) ? wordingOf(visit.ctx.lang, of, terms) : '',
  isGiven: body.consent === 'yes',
})

async function ofAccount(visit: Visit, kept: Pick<Kept, 'billerId' | 'accountNo'>): Promise<WordingOf> {
  const biller = (await listBillers(visit.ctx)).find(known => known.id === kept.billerId)!
  const { lang } = visit.ctx
  return { biller: billerName(lang, biller), service: serviceName(lang, biller), accountMasked: maskedAccount(kept.accountNo) }
}

async function showNew(
  pages: Pages,
  visit: Visit,
  reply: FastifyReply,
  kept: Kept,
  terms: DebitTerms,
  errors?: FieldError[],
): Promise<FastifyReply> {
  const shown = shownTerms(terms)
  const next = await previewDebit(visit.ctx, kept.id, shown)
  return pages.html(
    reply,
    mandatePage(visit.page, {
      ...baseView(visit, await ofAccount(visit, kept), terms),
      ...{ action: paths.debits, hidden: { account: kept.id }, backHref: paths.debits },
      ...(next && { next }),
      ...(errors && { errors }),
    }),
    errors ? 422 : 200,
  )
}

async function switchOn(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  const body = textsOf(request.body)
  if (!visit.resident) return reply.redirect(signInHref(paths.debits), 303)
  const kept = (await listKept(visit)).find(one => one.id === body.account)
  if (!kept) return pages.error(visit, reply, billingErrors.account_not_found)
  const terms = readTerms(visit, body)
  const consent = consentOf(visit, await ofAccount(visit, kept), terms, body)
  const missing = missingIn(visit, body)
  if (missing.length > 0) return showNew(pages, visit, reply, kept, terms, missing)
  const done = await switchOnDebit(visit.ctx, { accountId: kept.id, card: body.card ?? '', consent, idempotencyKey: body.idempotency_key })
  if (!done.ok) {
    pages.refused(visit, done.error, `POST ${paths.debits}`)
    if (done.error.code === accessErrors.prove_first.code) return reply.redirect(proofHref(newHref(kept.id)), 303)
    return showNew(pages, visit, reply, kept, terms, wordsFor(visit, done.error))
  }
  const { mandateId, standing } = done.value
  return reply.redirect(`${paths.debits}?notice=${standing === 'active' ? 'on' : 'pending'}&of=${mandateId}`, 303)
}

async function own(visit: Visit, request: FastifyRequest): Promise<Debit | undefined> {
  const { id } = request.params as { id: string }
  const listed = isUuid(id) ? await listDebits(visit.ctx) : undefined
  return listed?.ok ? listed.value.find(debit => debit.id === id) : undefined
}

function addOne(server: Server, pages: Pages): void {
  const base = `${paths.debits}/:id`
  server.get(base, hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    if (!visit.resident) return reply.redirect(signInHref(request.url), 303)
    const debit = await own(visit, request)
    if (!debit) return pages.error(visit, reply, billingErrors.debit_mandate_not_found)
    const view: DebitDetailView = {
      ...viewOf(visit, debit),
      ...{ wording: debit.wording.split('\n'), consentedOn: dayOf(debit.consentedAt), version: debit.version },
      ...(debit.state === 'active' && { changeHref: `${paths.debits}/${debit.id}/change` }),
    }
    return pages.html(reply, debitPage(visit.page, view))
  })
  server.get(`${base}/off`, hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    if (!visit.resident) return reply.redirect(signInHref(request.url), 303)
    const debit = await own(visit, request)
    if (!debit) return pages.error(visit, reply, billingErrors.debit_mandate_not_found)
    if (debit.state === 'ended') return reply.redirect(paths.debits, 303)
    const waiting = debit.items.filter(item => item.outcome === 'waiting')
    const standing = await mapOrderDebits(
      visit.ctx,
      waiting.flatMap(item => item.orderId ?? []),
    )
    const { service, biller, accountMasked, card, offHref: action } = viewOf(visit, debit)
    return pages.html(
      reply,
      offPage(visit.page, {
        ...{ service, biller, accountMasked, card, action },
        pending: waiting.map(({ day, amountFen, orderId }) => ({
          day,
          amountFen,
          isAtBank: standing.get(orderId ?? '')?.state !== 'waiting',
        })),
      }),
    )
  })
  pages.form(server, `${base}/off`, { per_minute: 20 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    if (!visit.resident) return reply.redirect(signInHref(paths.debits), 303)
    const { id } = request.params as { id: string }
    const off = isUuid(id) ? await switchOffDebit(visit.ctx, id) : undefined
    if (off?.ok) return reply.redirect(`${paths.debits}?notice=${'off' satisfies DebitNotice}&of=${id}`, 303)
    if (off) pages.refused(visit, off.error, `POST ${base}/off`)
    return pages.error(visit, reply, billingErrors.debit_mandate_not_found)
  })
  addChange(server, pages, base)
}

function addChange(server: Server, pages: Pages, base: string): void {
  const show = async (visit: Visit, reply: FastifyReply, debit: Debit, terms: DebitTerms, errors?: FieldError[]) =>
    pages.html(
      reply,
      mandatePage(visit.page, {
        ...baseView(visit, await ofAccount(visit, debit.account), terms),
        ...{
          action: `${paths.debits}/${debit.id}/change`,
          hidden: { version: String(debit.version) },
          backHref: `${paths.debits}/${debit.id}`,
        },
        change: { card: debit.cardMask },
        ...(debit.next && { next: debit.next }),
        ...(errors && { errors }),
      }),
      errors ? 422 : 200,
    )
  server.get(`${base}/change`, hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const first = notYet(visit, request.url)
    if (first) return reply.redirect(first, 303)
    const debit = await own(visit, request)
    return debit?.state === 'active' ? show(visit, reply, debit, debit) : pages.error(visit, reply, billingErrors.debit_mandate_not_found)
  })
  pages.form(server, `${base}/change`, { per_minute: 20 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    if (!visit.resident) return reply.redirect(signInHref(paths.debits), 303)
    const debit = await own(visit, request)
    if (debit?.state !== 'active') return pages.error(visit, reply, billingErrors.debit_mandate_not_found)
    const body = textsOf(request.body)
    const terms = readTerms(visit, body)
    const consent = consentOf(visit, await ofAccount(visit, debit.account), terms, body)
    const changed = await changeDebit(visit.ctx, { mandateId: debit.id, version: Number(body.version), consent })
    if (changed.ok) return reply.redirect(`${paths.debits}?notice=changed&of=${debit.id}`, 303)
    pages.refused(visit, changed.error, `POST ${base}/change`)
    if (changed.error.code === accessErrors.prove_first.code) return reply.redirect(proofHref(`${paths.debits}/${debit.id}/change`), 303)
    return show(visit, reply, debit, terms, wordsFor(visit, changed.error))
  })
}

/** A resident's own mandates: switched on from one page, stopped with no more taps than that took. */
export function addDebitRoutes(server: Server, pages: Pages): void {
  server.get(paths.debits, hidden, async (request, reply) => showList(pages, await pages.visit(request, reply), request, reply))
  server.get(paths.debitNew, hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const first = notYet(visit, request.url)
    if (first) return reply.redirect(first, 303)
    const account = textsOf(request.query).account
    const kept = (await listKept(visit)).find(one => one.id === account)
    if (!kept || !hasDebitBank(visit.ctx)) return reply.redirect(paths.debits, 303)
    return showNew(pages, visit, reply, kept, USUAL)
  })
  pages.form(server, paths.debits, { per_minute: 10 }, (request, reply) => switchOn(pages, request, reply))
  addOne(server, pages)
}
