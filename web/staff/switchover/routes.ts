import type { FastifyReply } from 'fastify'
import { type Lang, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { parseYuan } from '#kernel/money.ts'
import type { AppError } from '#kernel/result.ts'
import { startOfDay } from '#kernel/time.ts'
import {
  askSwitch,
  billingErrors,
  decideSwitch,
  type Feature,
  type PlanView,
  previewSwitch,
  removeAreaRule,
  restoreFeature,
  type SwitchPreview,
  type SwitchTerms,
  setAreaRule,
  takeBack,
  viewSwitchover,
} from '#modules/billing/index.ts'
import { listAreas } from '#modules/identity/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { textsOf } from '#web/resident/routes/views.ts'
import { dateTime } from '#web/ui/format.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { hasMessage, t } from '#web/ui/messages.ts'
import { type Desk, isDesk, openDesk } from '../desk.ts'
import { staffPaths } from '../paths.ts'
import { readDay } from '../routes-reconciliation.ts'
import { STEP_FIELDS, SWITCH_NOTICES, type SwitchNotice, type SwitchPageView, type SwitchPlanRow, switchPage } from './pages.tsx'

const hidden = { schema: { hide: true } } as const
const COMMUNITY = /^\d{12}$/

const NOTICE_OF: Readonly<Record<string, SwitchNotice>> = {
  [billingErrors.switch_decided.code]: 'decided',
  [billingErrors.switch_late.code]: 'late',
  [billingErrors.switch_own.code]: 'own',
}

/** '2026-12-01 09:00' as people type it -> ISO instant; '' for what is none. */
function readInstant(typed: string): string {
  const [, date = '', time = ''] = /^\s*(\S+)\s+(\d{1,2}:\d\d)\s*$/.exec(typed.normalize('NFKC')) ?? []
  const day = readDay(date)
  const [hour = 99, minute = 99] = time.split(':').map(Number)
  if (!day || hour > 23 || minute > 59) return ''
  return new Date(startOfDay(day).getTime() + (hour * 60 + minute) * 60_000).toISOString()
}

const wholeOf = (typed: string | undefined): number =>
  /^\d{1,6}$/.test((typed ?? '').normalize('NFKC').trim()) ? Number(typed!.normalize('NFKC')) : -1

/** A plan as typed; what is no number or no instant is left to the rules, which say so. */
function readTerms(values: Readonly<Record<string, string>>): SwitchTerms {
  const steps = STEP_FIELDS.map(n => ({ at: values[n === 1 ? 'steps' : `at${n}`] ?? '', pct: values[`pct${n}`] ?? '' }))
    .filter(step => step.at.trim() || step.pct.trim())
    .map(step => ({ from: readInstant(step.at), pct: wholeOf(step.pct) }))
  const budget = parseYuan(values.budget ?? '')
  const [openFrom, openUntil] = [values.hours?.trim(), values.open_until?.trim()]
  return {
    feature: (values.feature ?? '') as Feature,
    areas: Object.keys(values).flatMap(name => (name.startsWith('area-') && COMMUNITY.test(name.slice(5)) ? [name.slice(5)] : [])),
    steps,
    ...(openFrom && { openFrom }),
    ...(openUntil && { openUntil }),
    budget_e4: budget.ok ? budget.value : -1,
    triesMin: wholeOf(values.tries_min),
    windowMin: wholeOf(values.window),
  }
}

const percent = (e4: number): string => String(e4 / 100)

function stateOf(lang: Lang, plan: PlanView): SwitchPlanRow['state'] {
  const say = t(lang)
  const { tries, failures } = plan
  if (plan.endWhy === 'budget') return { text: say('switch.state_budget', { tries, failures }), tone: 'bad' }
  if (plan.endWhy === 'restored') return { text: say('switch.state_restored', { note: plan.endNote ?? '' }), tone: 'ok' }
  if (plan.endWhy === 'person')
    return {
      text: say(plan.isOff ? 'switch.state_person' : 'switch.state_cancelled', { note: plan.endNote ?? '' }),
      ...(plan.isOff && { tone: 'bad' }),
    }
  if (plan.endWhy === 'replaced') return { text: say('switch.state_replaced') }
  if (plan.isAgreed === null) return { text: say('switch.state_asked'), tone: 'warn' }
  if (!plan.isAgreed) return { text: say('switch.state_declined') }
  const [first] = plan.steps
  if (plan.impact?.now === 0 && first)
    return { text: say('switch.state_off', { at: dateTime(lang, new Date(first.from)), pct: first.pct }), tone: 'warn' }
  return plan.pct === undefined
    ? { text: say('switch.state_waiting'), tone: 'now' }
    : { text: say('switch.state_running', { pct: plan.pct }), tone: 'ok' }
}

/** What agreeing to a plan takes away at once, if anything. */
function warningOf(lang: Lang, { now, before, steps }: SwitchPreview): { warning?: string } {
  const at = steps[0] ? dateTime(lang, new Date(steps[0].from)) : ''
  return before < now ? { warning: t(lang)('switch.warning', { now, before, at }) } : {}
}

/** Letting features in by community and time: plans by two persons, the way back by one. */
export function addSwitchRoutes(server: Server, pages: Pages): void {
  const { enter, deny } = openDesk(pages)

  async function show(
    desk: Desk,
    reply: FastifyReply,
    extra: { notice?: string | undefined; values?: Record<string, string>; errors?: FieldError[]; preview?: SwitchPreview } = {},
  ): Promise<FastifyReply> {
    const { ctx } = desk
    const { lang } = ctx
    const seen = await viewSwitchover(ctx)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.switchover}`)
    const say = t(lang)
    const communities = (await listAreas(ctx))
      .filter(area => COMMUNITY.test(area.code))
      .map(area => ({ value: area.code, label: lang === 'en' ? area.nameEn : area.nameZh }))
    const called = (code: string) => communities.find(c => c.value === code)?.label ?? code
    const mayAsk = permit(ctx, 'billing.switchover.ask').ok
    const mayAgree = permit(ctx, 'billing.switchover.agree').ok
    const plans = seen.value.plans.map((plan): SwitchPlanRow => {
      const isOpen = plan.isAgreed === null
      const steps = plan.steps.map(step => say('switch.step', { at: dateTime(lang, new Date(step.from)), pct: step.pct }))
      const hours = plan.openFrom ? [say('switch.hours', { from: plan.openFrom, until: plan.openUntil ?? '' })] : []
      return {
        what: say(`switch.feature_${plan.feature}`),
        where: plan.areas.length === 0 ? say('switch.everywhere') : plan.areas.map(called).join(say('list.comma')),
        ramp: [...steps, ...hours].join(say('rules.stop')),
        tries: say('switch.tries_of', { failures: plan.failures, tries: plan.tries, budget: percent(plan.budget_e4) }),
        note: plan.note,
        state: stateOf(lang, plan),
        action: `${staffPaths.switchover}/${plan.id}`,
        mayAgree: isOpen && mayAgree && !plan.isOwn,
        mayDecline: isOpen && (mayAgree || plan.isOwn),
        isOwn: plan.isOwn,
        mayRestore: plan.mayRestore,
        ...(plan.isAgreed === true &&
          !plan.endedAt &&
          mayAsk && { takeBack: plan.pct === undefined ? ('cancel' as const) : ('off' as const) }),
        ...(isOpen && plan.impact && warningOf(lang, plan.impact)),
      }
    })
    const notice = SWITCH_NOTICES.find(known => known === extra.notice)
    const view: SwitchPageView = {
      ...{ plans, communities, mayAsk },
      rules: seen.value.rules.map(rule => ({ prefix: rule.prefix, community: called(rule.areaCode) })),
      accounts: seen.value.accounts.map(row => ({
        community: row.area ? called(row.area) : say('switch.unknown'),
        accounts: row.accounts,
      })),
      ...(notice && { notice }),
      values: extra.values ?? { budget: '2', tries_min: '50', window: '15' },
      ...(extra.errors && { errors: extra.errors }),
      ...(extra.preview && {
        preview: {
          accounts: extra.preview.accounts,
          before: extra.preview.before,
          ...warningOf(lang, extra.preview),
          steps: extra.preview.steps.map(step => ({ at: dateTime(lang, new Date(step.from)), pct: step.pct, accounts: step.accounts })),
        },
      }),
    }
    return pages.html(reply, switchPage(desk.page, view), extra.errors ? 422 : 200)
  }

  const errorsOf = (lang: Lang, error: AppError): FieldError[] | undefined => {
    const key = `switch.error_${error.field}`
    return error.code === billingErrors.switch_malformed.code && hasMessage(key) ? [{ field: error.field!, text: t(lang)(key) }] : undefined
  }

  server.get(staffPaths.switchover, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? show(desk, reply, { notice: textsOf(request.query).notice }) : desk
  })

  pages.form(server, staffPaths.switchover, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const place = `POST ${staffPaths.switchover}`
    const values = textsOf(request.body)
    const terms = readTerms(values)
    const isAsked = values.act === 'ask'
    const done = isAsked ? await askSwitch(ctx, { ...terms, note: values.note ?? '' }) : await previewSwitch(ctx, terms)
    if (!done.ok) {
      const errors = errorsOf(ctx.lang, done.error)
      return errors ? show(desk, reply, { values, errors }) : deny(desk, reply, done.error, place)
    }
    if (isAsked) return reply.redirect(`${staffPaths.switchover}?notice=asked`, 303)
    return show(desk, reply, { values, preview: done.value as SwitchPreview })
  })

  pages.form(server, `${staffPaths.switchover}/:id`, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const place = `POST ${staffPaths.switchover}/:id`
    const { id } = request.params as { id: string }
    const values = textsOf(request.body)
    const isAgreed = values.act === 'agree'
    const note = values['back-note'] ?? ''
    const plan = values.act === 'back' ? await viewSwitchover(ctx) : undefined
    const isCancelled = plan?.ok && plan.value.plans.find(row => row.id === id)?.pct === undefined
    const notice_ok: SwitchNotice =
      values.act === 'back'
        ? isCancelled
          ? 'cancelled'
          : 'back'
        : values.act === 'restore'
          ? 'restored'
          : isAgreed
            ? 'agreed'
            : 'declined'
    const done =
      values.act === 'back'
        ? await takeBack(ctx, { id, note })
        : values.act === 'restore'
          ? await restoreFeature(ctx, { id, note })
          : await decideSwitch(ctx, { id, isAgreed })
    if (done.ok) return reply.redirect(`${staffPaths.switchover}?notice=${notice_ok}`, 303)
    const errors = errorsOf(ctx.lang, done.error)
    if (errors) return show(desk, reply, { errors })
    const notice = NOTICE_OF[done.error.code]
    if (!notice) return deny(desk, reply, done.error, place)
    pages.refused({ ...desk.visit, ctx }, done.error, place)
    return reply.redirect(`${staffPaths.switchover}?notice=${notice}`, 303)
  })

  pages.form(server, staffPaths.switchAreas, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { act, prefix = '', area = '' } = textsOf(request.body)
    const done = act === 'remove' ? await removeAreaRule(desk.ctx, prefix) : await setAreaRule(desk.ctx, { prefix, areaCode: area })
    if (done.ok) return reply.redirect(`${staffPaths.switchover}?notice=saved`, 303)
    const errors = errorsOf(desk.ctx.lang, done.error)
    return errors ? show(desk, reply, { errors }) : deny(desk, reply, done.error, `POST ${staffPaths.switchAreas}`)
  })
}
