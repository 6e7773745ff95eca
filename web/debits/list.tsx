import { paths } from '#web/resident/paths.ts'
import { day, dayWithYear, yuan } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { hasMessage, type Translate, t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Empty, LinkButton, LinkList, Section, SummaryList, Tag, type Tone } from '#web/ui/parts.tsx'
import { NextLine, type NextView } from './mandate.tsx'
import { untilText, whenText } from './wording.ts'

type State = 'pending' | 'active' | 'suspended' | 'ended'

export interface DebitItemView {
  day: string
  period: string
  amountFen: number
  outcome: 'waiting' | 'debited' | 'failed' | 'returned' | 'withdrawn' | 'over_ceiling'
  failure?: string
}

export interface DebitView {
  href: string
  offHref: string
  service: string
  biller: string
  accountMasked: string
  card: string
  state: State
  /** Why the bank debits by it no more. */
  why?: string
  againHref: string
  ceilingFen: number
  daysBefore: number
  untilOn: string | null
  next?: NextView
  items: readonly DebitItemView[]
}

export const debitNotices = ['on', 'pending', 'changed', 'off'] as const
export type DebitNotice = (typeof debitNotices)[number]

export interface DebitsView {
  notice?: { kind: DebitNotice; service: string }
  /** Debits the bank makes although the mandate has just ended. */
  atBank: readonly { day: string; amountFen: number }[]
  debits: readonly DebitView[]
  /** Accounts it can be switched on for. */
  offers: readonly { href: string; service: string; accountMasked: string; nickname?: string }[]
  signInHref?: string
}

const tones: Record<State, Tone | undefined> = { pending: 'now', active: 'ok', suspended: 'warn', ended: undefined }

function whyText(say: Translate, why: string | undefined): string | undefined {
  const key = `debit.why_${why}`
  return hasMessage(key) ? say(key) : undefined
}

/** One mandate that stands, with the way out as near as anything else. */
function Live({ view }: { view: DebitView }) {
  const { ctx, t } = usePage()
  const why = whyText(t, view.why)
  return (
    <section class="card stack" aria-label={`${view.service} ${view.accountMasked}`}>
      <div class="spread row--wrap">
        <h2>{view.service}</h2>
        <Tag tone={tones[view.state]}>{t(`debit.state_${view.state}`)}</Tag>
      </div>
      <SummaryList
        rows={[
          { label: t('debit.account'), value: view.accountMasked },
          { label: t('debit.card'), value: t('debit.card_masked', { card: view.card }) },
          { label: t('debit.ceiling'), value: t('debit.ceiling_n', { amount: yuan(view.ceilingFen) }) },
          { label: t('debit.when'), value: whenText(ctx.lang, view.daysBefore) },
          { label: t('debit.next'), value: view.state === 'suspended' ? (why ?? t('debit.next_none')) : <NextLine next={view.next} /> },
        ]}
      />
      <div class="btns btns--fill">
        {view.state === 'suspended' ? (
          <LinkButton href={view.againHref}>{t('debit.again')}</LinkButton>
        ) : (
          <LinkButton href={view.href} kind="secondary">
            {t('debit.manage_note')}
            <span class="unseen">
              {view.service} {view.accountMasked}
            </span>
          </LinkButton>
        )}
        <LinkButton href={view.offHref} kind="secondary">
          {t('debit.off')}
          <span class="unseen">
            {view.service} {view.accountMasked}
          </span>
        </LinkButton>
      </div>
    </section>
  )
}

const noticeKeys = { on: 'debit.done_on', pending: 'debit.done_pending', changed: 'debit.done_changed', off: 'debit.done_off' } as const

function Notice({ view }: { view: DebitsView }) {
  const { ctx, t } = usePage()
  if (!view.notice) return null
  const { kind, service } = view.notice
  return (
    <>
      <Banner tone={kind === 'pending' ? 'now' : 'ok'} title={t(noticeKeys[kind], { service })} live>
        {kind === 'pending' && <p>{t('debit.done_pending_text')}</p>}
      </Banner>
      {view.atBank.map(one => (
        <Banner
          key={one.day + one.amountFen}
          tone="warn"
          title={t('debit.off_bank', { day: day(ctx.lang, one.day), amount: yuan(one.amountFen) })}
        />
      ))}
    </>
  )
}

/** What stands, what it can be switched on for, and what ended. */
export function DebitsPage({ view }: { view: DebitsView }) {
  const { t } = usePage()
  const live = view.debits.filter(debit => debit.state !== 'ended')
  const past = view.debits.filter(debit => debit.state === 'ended')
  return (
    <Layout back={{ href: paths.mine }}>
      <Heading title={t('debit.title')} lead={t('debit.lead')} />
      <div class="stack">
        <Notice view={view} />
        {view.signInHref && (
          <Empty title={t('debit.empty')}>
            <p>{t('debit.sign_in')}</p>
            <LinkButton href={view.signInHref}>{t('sign_in.title')}</LinkButton>
          </Empty>
        )}
        {live.map(debit => (
          <Live key={debit.href} view={debit} />
        ))}
        {!view.signInHref && live.length === 0 && view.offers.length === 0 && (
          <Empty title={t('debit.empty')}>
            <p>{t('debit.empty_text')}</p>
            <LinkButton href={paths.householdNew}>{t('households.add')}</LinkButton>
          </Empty>
        )}
      </div>
      {view.offers.length > 0 && (
        <Section title={t('debit.choose')}>
          <LinkList
            rows={view.offers.map(offer => ({
              href: offer.href,
              title: t('debit.on_for', { service: offer.nickname ?? offer.service }),
              note: `${offer.nickname ? `${offer.service} ` : ''}${offer.accountMasked}`,
            }))}
          />
        </Section>
      )}
      {past.length > 0 && (
        <Section title={t('debit.past')}>
          <LinkList
            rows={past.map(debit => ({
              href: debit.href,
              title: debit.service,
              note: debit.accountMasked,
              tag: { text: t('debit.state_ended') },
            }))}
          />
        </Section>
      )}
    </Layout>
  )
}

export const debitsPage = (ctx: PageContext, view: DebitsView): string =>
  renderPage(ctx, <DebitsPage view={view} />, { title: t(ctx.lang)('debit.title') })

export interface DebitDetailView extends DebitView {
  changeHref?: string
  /** As it was agreed to, sentence by sentence, in the language of then. */
  wording: readonly string[]
  consentedOn: string
  version: number
}

function outcomeText(say: Translate, item: DebitItemView): string {
  const key = `debit.fail_${item.failure}`
  const why = item.outcome === 'failed' && hasMessage(key) ? say(key) : undefined
  return [say(`debit.item_${item.outcome}`), why].filter(Boolean).join(say('list.comma'))
}

/** One mandate: what was agreed, what it did, and how to change or stop it. */
export function DebitPage({ view }: { view: DebitDetailView }) {
  const { ctx, t } = usePage()
  const isLive = view.state !== 'ended'
  return (
    <Layout back={{ href: paths.debits }}>
      <Heading title={`${t('debit.title')}${ctx.lang === 'en' ? ': ' : '：'}${view.service}`} />
      <div class="stack">
        <div class="card stack">
          <div class="spread">
            <span class="t-2">{view.biller}</span>
            <Tag tone={tones[view.state]}>{t(`debit.state_${view.state}`)}</Tag>
          </div>
          <SummaryList
            rows={[
              { label: t('debit.account'), value: view.accountMasked },
              { label: t('debit.card'), value: t('debit.card_masked', { card: view.card }) },
              { label: t('debit.ceiling'), value: t('debit.ceiling_n', { amount: yuan(view.ceilingFen) }) },
              { label: t('debit.when'), value: whenText(ctx.lang, view.daysBefore) },
              { label: t('debit.until'), value: untilText(ctx.lang, view.untilOn) },
              ...(isLive ? [{ label: t('debit.next'), value: <NextLine next={view.next} /> }] : []),
            ]}
          />
          {isLive && (
            <div class="btns btns--fill">
              {view.changeHref && (
                <LinkButton href={view.changeHref} kind="secondary">
                  {t('debit.change')}
                </LinkButton>
              )}
              <LinkButton href={view.offHref} kind="secondary">
                {t('debit.off')}
              </LinkButton>
            </div>
          )}
        </div>
      </div>
      <Section title={t('debit.history')}>
        {view.items.length === 0 ? (
          <p class="t-2">{t('debit.history_none')}</p>
        ) : (
          <div class="card">
            <SummaryList
              rows={view.items.map(item => ({
                label: dayWithYear(ctx.lang, item.day),
                value: (
                  <>
                    {t('debit.ceiling_n', { amount: yuan(item.amountFen) })}
                    {t('list.comma')}
                    <b>{outcomeText(t, item)}</b>
                    <br />
                    <small class="t-3">{item.period}</small>
                  </>
                ),
              }))}
            />
          </div>
        )}
      </Section>
      <Section title={t('debit.wording')}>
        <div class="card stack">
          <p class="t-3 t-sm">{t('debit.wording_at', { day: dayWithYear(ctx.lang, view.consentedOn), version: view.version })}</p>
          <ol class="numbered stack stack--tight">
            {view.wording.map(line => (
              <li key={line}>{line}</li>
            ))}
          </ol>
        </div>
      </Section>
    </Layout>
  )
}

export const debitPage = (ctx: PageContext, view: DebitDetailView): string =>
  renderPage(ctx, <DebitPage view={view} />, { title: `${t(ctx.lang)('debit.title')} ${view.service}` })
