import type { FastifyReply } from 'fastify'
import { type Ctx, type Lang, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { isUuid } from '#kernel/id.ts'
import { formatYuan, parseYuan } from '#kernel/money.ts'
import { type AppError, fail, ok, type Result } from '#kernel/result.ts'
import { dayOf } from '#kernel/time.ts'
import {
  askRule,
  askWaiver,
  type BillerRule,
  billingErrors,
  decideRule,
  decideWaiver,
  findBillById,
  previewRule,
  type RulePreview,
  type RuleProposal,
  viewRules,
  WAIVER_REASONS,
} from '#modules/billing/index.ts'
import { listStaffNames } from '#modules/identity/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { billerName, maskedAccount, textsOf } from '#web/resident/routes/views.ts'
import { dayWithYear } from '#web/ui/format.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { hasMessage, t } from '#web/ui/messages.ts'
import { type Desk, isDesk, openDesk } from './desk.ts'
import { staffPaths } from './paths.ts'
import { readDay } from './routes-reconciliation.ts'
import { RULE_NOTICES, type RuleNotice, type RulesView, rulesPage, waiverPage } from './rules.tsx'

const staffIdOf = (key: string): string => key.replace(/^staff:/, '')

/** A rate in millionths a day as a share of ten thousand, and back: with two decimals it reads like an amount. */
const percentText = (share_e6: number): string => formatYuan(Math.round(share_e6 / 100)).replace(/\.?0+$/, '')

const rateText = (rate_e6: number): string => formatYuan(rate_e6).replace(/\.?0+$/, '')

function ruleText(lang: Lang, rule: BillerRule): string {
  const say = t(lang)
  const { part_min_fen, rebate_days, rebate_e6 = 0, cut_off, reversal_days, prepay_max_fen } = rule
  return [
    say('rules.words', { grace: rule.grace_days, rate: rateText(rule.rate_per_day_e6), minimum: formatYuan(rule.minimum_fen ?? 0) }),
    part_min_fen !== undefined &&
      say('rules.words_part', { min: formatYuan(part_min_fen), first: say(`rules.first_${rule.part_first ?? 'late_fee'}`) }),
    rebate_days !== undefined && say('rules.words_rebate', { days: rebate_days, percent: percentText(rebate_e6) }),
    cut_off !== undefined && say('rules.words_cut_off', { at: cut_off }),
    reversal_days !== undefined && say('rules.words_reversal', { days: reversal_days }),
    prepay_max_fen !== undefined && say('rules.words_prepay', { max: formatYuan(prepay_max_fen) }),
  ]
    .filter(Boolean)
    .join(say('rules.stop'))
}

/** A rule as its form would hold it. */
const valuesOf = (billerId: string, rule: BillerRule): Record<string, string> => ({
  biller: billerId,
  grace: String(rule.grace_days),
  rate: rateText(rule.rate_per_day_e6),
  minimum: rule.minimum_fen ? formatYuan(rule.minimum_fen) : '',
  part_min: rule.part_min_fen === undefined ? '' : formatYuan(rule.part_min_fen),
  part_first: rule.part_first ?? 'late_fee',
  rebate_days: String(rule.rebate_days ?? ''),
  rebate_rate: rule.rebate_e6 === undefined ? '' : percentText(rule.rebate_e6),
  cut_off: rule.cut_off ?? '',
  reversal: String(rule.reversal_days ?? ''),
  prepay_max: rule.prepay_max_fen === undefined ? '' : formatYuan(rule.prepay_max_fen).replaceAll(',', ''),
})

/** Optional members of a rule as typed; the field of the first thing that is none. */
function readExtras(values: Readonly<Record<string, string>>): Result<Partial<BillerRule>> {
  const typed = (name: string) => (values[name] ?? '').normalize('NFKC').trim()
  const extras: Record<string, unknown> = {}
  for (const [name, member, read] of [
    ['part_min', 'part_min_fen', parseYuan],
    ['rebate_days', 'rebate_days', readCount],
    ['rebate_rate', 'rebate_e6', readPercent],
    ['reversal', 'reversal_days', readCount],
    ['prepay_max', 'prepay_max_fen', parseYuan],
  ] as const) {
    if (!typed(name)) continue
    const value = read(typed(name))
    if (!value.ok) return fail(billingErrors.rule_malformed, undefined, name)
    extras[member] = value.value
  }
  if (typed('cut_off')) extras.cut_off = typed('cut_off').padStart(5, '0')
  if (extras.part_min_fen !== undefined && values.part_first === 'principal') extras.part_first = 'principal'
  return ok(extras)
}

const readCount = (text: string): Result<number> =>
  /^\d{1,3}$/.test(text) ? ok(Number(text)) : fail(billingErrors.rule_malformed, undefined, 'count')

/** Per cent with two decimals -> millionths. */
function readPercent(text: string): Result<number> {
  const read = parseYuan(text)
  return read.ok ? ok(read.value * 100) : read
}

/** What was typed as a rule; the field of the first thing that is none. */
function readProposal(values: Readonly<Record<string, string>>): Result<RuleProposal> {
  const bad = (field: string) => fail(billingErrors.rule_malformed, undefined, field)
  const grace = /^\d{1,3}$/.test((values.grace ?? '').normalize('NFKC').trim()) ? Number(values.grace!.normalize('NFKC')) : -1
  const [rate, minimum] = [parseYuan(values.rate ?? ''), parseYuan(values.minimum || '0')]
  if (!values.biller) return bad('biller')
  if (grace < 0) return bad('grace')
  if (!rate.ok) return bad('rate')
  if (!minimum.ok) return bad('minimum')
  const extras = readExtras(values)
  if (!extras.ok) return extras
  const rule = { grace_days: grace, rate_per_day_e6: rate.value, ...(minimum.value > 0 && { minimum_fen: minimum.value }), ...extras.value }
  return ok({ billerId: values.biller, validFrom: readDay(values.valid_from ?? '') ?? '', rule, note: values.note ?? '' })
}

function errorsOf(lang: Lang, error: AppError): FieldError[] | undefined {
  if (error.code === billingErrors.biller_not_found.code) return [{ field: 'biller', text: t(lang)('rules.error_biller') }]
  if (error.code === billingErrors.rule_exists.code) return [{ field: 'valid_from', text: t(lang)('rules.error_exists') }]
  const key = `rules.error_${error.field}`
  return error.code === billingErrors.rule_malformed.code && hasMessage(key) ? [{ field: error.field!, text: t(lang)(key) }] : undefined
}

const NOTICE_OF: Readonly<Record<string, RuleNotice>> = {
  [billingErrors.rule_decided.code]: 'decided_before',
  [billingErrors.rule_late.code]: 'late',
  [billingErrors.rule_own.code]: 'own',
}

async function viewOf(
  ctx: Ctx,
): Promise<Result<Omit<RulesView, 'form' | 'preview' | 'notice'> & { billers: NonNullable<RulesView['form']>['billers'] }>> {
  const seen = await viewRules(ctx)
  if (!seen.ok) return seen
  const { billers, rules, waivers } = seen.value
  const { lang } = ctx
  const today = dayOf(ctx.kernel.clock.now())
  const names = await listStaffNames(ctx, [...new Set([...rules, ...waivers].map(row => staffIdOf(row.askedBy)).filter(isUuid))])
  const who = (key: string) => names.get(staffIdOf(key)) ?? t(lang)('staff.colleague')
  const called = new Map(billers.map(b => [b.id, billerName(lang, b)]))
  return ok({
    billers: billers.map(b => ({ value: b.id, label: billerName(lang, b) })),
    current: billers.flatMap(b =>
      b.rules
        .filter((dated, i) => dated.validFrom > today || (b.rules[i + 1]?.validFrom ?? '9999') > today)
        .map(dated => ({
          biller: billerName(lang, b),
          validFrom: dated.validFrom,
          text: ruleText(lang, dated.rule),
          isFuture: dated.validFrom > today,
          changeHref: `${staffPaths.rules}?biller=${b.id}#biller`,
          values: valuesOf(b.id, dated.rule),
        })),
    ),
    asked: rules
      .filter(r => r.decidedAt === null)
      .map(r => ({
        biller: called.get(r.billerId) ?? r.billerId,
        validFrom: r.validFrom,
        text: ruleText(lang, r.rule),
        note: r.note,
        askedBy: who(r.askedBy),
        action: `${staffPaths.rules}/${r.id}`,
        isOwn: r.isOwn,
      })),
    waivers: waivers.map(w => ({
      account: `${called.get(w.billerId) ?? ''} ${maskedAccount(w.accountNo)} ${w.holderMask}`,
      days: `${dayWithYear(lang, w.from)} – ${dayWithYear(lang, w.to)}`,
      reason: [reasonName(lang, w.reason), w.note].filter(Boolean).join(' · '),
      askedBy: who(w.askedBy),
      action: `${staffPaths.rules}/waivers/${w.id}`,
      isOwn: w.isOwn,
    })),
    mayAgree: permit(ctx, 'billing.rule.agree').ok,
  })
}

const reasonName = (lang: Lang, reason: string): string => {
  const key = `rules.reason_${reason}`
  return hasMessage(key) ? t(lang)(key) : reason
}

function previewView(lang: Lang, { before, after, rebate, ...compared }: RulePreview): NonNullable<RulesView['preview']> {
  const hasRebate = rebate.oldBills + rebate.newBills > 0
  return { ...compared, before: ruleText(lang, before), after: ruleText(lang, after), ...(hasRebate && { rebate }) }
}

/** Rules of billers by two people: asked with a preview, agreed before their first day; and waivers of late fees. */
export function addRuleRoutes(server: Server, pages: Pages): void {
  const { enter, deny, refuse } = openDesk(pages)
  const hidden = { schema: { hide: true } } as const

  async function show(
    desk: Desk,
    reply: FastifyReply,
    extra: { notice?: string; biller?: string; values?: Record<string, string>; errors?: FieldError[]; preview?: RulePreview } = {},
  ): Promise<FastifyReply> {
    const seen = await viewOf(desk.ctx)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.rules}`)
    const { billers, ...view } = seen.value
    const { errors, preview } = extra
    const values = extra.values ?? view.current.findLast(row => row.values.biller === extra.biller)?.values
    const notice = RULE_NOTICES.find(known => known === extra.notice)
    const form = permit(desk.ctx, 'billing.rule.ask').ok && { billers, ...(values && { values }), ...(errors && { errors }) }
    return pages.html(
      reply,
      rulesPage(desk.page, {
        ...view,
        ...(form && { form }),
        ...(preview && { preview: previewView(desk.ctx.lang, preview) }),
        ...(notice && { notice }),
      }),
      errors ? 422 : 200,
    )
  }

  server.get(staffPaths.rules, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? show(desk, reply, textsOf(request.query)) : desk
  })

  pages.form(server, staffPaths.rules, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const place = `POST ${staffPaths.rules}`
    const may = permit(ctx, 'billing.rule.ask')
    if (!may.ok) return deny(desk, reply, may.error, place)
    const values = textsOf(request.body)
    const read = readProposal(values)
    const isAsked = values.act === 'ask'
    const done = !read.ok ? read : isAsked ? await askRule(ctx, read.value) : await previewRule(ctx, read.value)
    if (!done.ok) {
      const errors = errorsOf(ctx.lang, done.error)
      return errors ? show(desk, reply, { values, errors }) : deny(desk, reply, done.error, place)
    }
    return isAsked
      ? reply.redirect(`${staffPaths.rules}?notice=asked`, 303)
      : show(desk, reply, { values, preview: done.value as RulePreview })
  })

  for (const [path, decide] of [
    [`${staffPaths.rules}/:id`, decideRule],
    [`${staffPaths.rules}/waivers/:id`, decideWaiver],
  ] as const)
    pages.form(server, path, {}, async (request, reply) => {
      const desk = await enter(request, reply)
      if (!isDesk(desk)) return desk
      const isAgreed = textsOf(request.body).act === 'agree'
      const decided = await decide(desk.ctx, { id: (request.params as { id: string }).id, isAgreed })
      if (decided.ok) return reply.redirect(`${staffPaths.rules}?notice=${isAgreed ? 'agreed' : 'declined'}`, 303)
      const notice = NOTICE_OF[decided.error.code]
      if (!notice) return deny(desk, reply, decided.error, `POST ${path}`)
      pages.refused({ ...desk.visit, ctx: desk.ctx }, decided.error, `POST ${path}`)
      return reply.redirect(`${staffPaths.rules}?notice=${notice}`, 303)
    })

  async function showWaiver(
    desk: Desk,
    reply: FastifyReply,
    billId: string,
    typed?: { values: Record<string, string>; errors: FieldError[] },
  ) {
    const may = permit(desk.ctx, 'billing.rule.ask')
    if (!may.ok) return deny(desk, reply, may.error, 'GET /staff/bills/:id/waiver')
    const found = isUuid(billId) ? await findBillById(desk.ctx, billId) : undefined
    if (!found) return refuse(desk, reply, 404)
    const { lang } = desk.ctx
    return pages.html(
      reply,
      waiverPage(desk.page, {
        account: maskedAccount(found.bill.accountNo),
        action: `/staff/bills/${billId}/waiver`,
        backHref: `/staff/bills/${billId}`,
        reasons: WAIVER_REASONS.map(value => ({ value, label: reasonName(lang, value) })),
        ...typed,
      }),
      typed ? 422 : 200,
    )
  }
  server.get('/staff/bills/:id/waiver', hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? showWaiver(desk, reply, (request.params as { id: string }).id) : desk
  })
  pages.form(server, '/staff/bills/:id/waiver', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const { id } = request.params as { id: string }
    const values = textsOf(request.body)
    const may = permit(ctx, 'billing.rule.ask')
    if (!may.ok) return deny(desk, reply, may.error, 'POST /staff/bills/:id/waiver')
    const found = isUuid(id) ? await findBillById(ctx, id) : undefined
    if (!found) return refuse(desk, reply, 404)
    const asked = await askWaiver(ctx, {
      accountId: found.bill.accountId,
      from: readDay(values.from ?? '') ?? '',
      to: readDay(values.to ?? '') ?? '',
      reason: values.reason ?? '',
      note: values.note ?? '',
    })
    if (asked.ok) return reply.redirect(`${staffPaths.rules}?notice=asked`, 303)
    const errors = errorsOf(ctx.lang, asked.error)
    return errors ? showWaiver(desk, reply, id, { values, errors }) : deny(desk, reply, asked.error, 'POST /staff/bills/:id/waiver')
  })
}
