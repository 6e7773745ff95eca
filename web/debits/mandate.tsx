import type { DebitTerms } from '#modules/billing/index.ts'
import { paths } from '#web/resident/paths.ts'
import { day, yuan } from '#web/ui/format.ts'
import { Choices, ConsentBox, ErrorSummary, Field, type FieldError, Hidden, PostForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Button, LinkButton, Section, SummaryList } from '#web/ui/parts.tsx'
import { mandateLines, untilText, type WordingOf, whenText } from './wording.ts'

export interface NextView {
  day: string
  amountFen: number
  isOverCeiling: boolean
}

export interface MandateView extends WordingOf {
  action: string
  idempotencyKey: string
  /** Hidden fields that say which account or mandate it is about. */
  hidden: Readonly<Record<string, string>>
  /** What is chosen on the page as it comes. */
  terms: DebitTerms
  ceilings: readonly number[]
  days: readonly number[]
  /** Last days offered; null is until it is ended. */
  untils: readonly (string | null)[]
  /** What would be debited first. */
  next?: NextView
  /** A change of a mandate that stands keeps its card. */
  change?: { card: string }
  backHref: string
  errors?: readonly FieldError[]
}

export function NextLine({ next }: { next: NextView | undefined }) {
  const { ctx, t } = usePage()
  if (!next) return <>{t('debit.next_none')}</>
  return <>{t(next.isOverCeiling ? 'debit.next_over' : 'debit.next_at', { day: day(ctx.lang, next.day), amount: yuan(next.amountFen) })}</>
}

function Terms({ view }: { view: MandateView }) {
  const { ctx, t } = usePage()
  const { terms, errors } = view
  return (
    <>
      <Choices
        name="ceiling"
        legend={t('debit.ceiling')}
        choices={view.ceilings.map(fen => ({
          value: String(fen),
          label: t('debit.ceiling_n', { amount: yuan(fen) }),
          ...(fen === terms.ceilingFen && { note: t('debit.ceiling_note') }),
        }))}
        chosen={String(terms.ceilingFen)}
        errors={errors}
      />
      <Choices
        name="days"
        legend={t('debit.when')}
        choices={view.days.map(days => ({ value: String(days), label: whenText(ctx.lang, days) }))}
        chosen={String(terms.daysBefore)}
        errors={errors}
      />
      <Choices
        name="until"
        legend={t('debit.until')}
        choices={view.untils.map(until => ({ value: until ?? 'open', label: untilText(ctx.lang, until) }))}
        chosen={terms.untilOn ?? 'open'}
        errors={errors}
      />
    </>
  )
}

/** One page from question to consent: the card, three choices with the usual ones chosen, the mandate in words, and a box nobody ticked. */
export function MandatePage({ view }: { view: MandateView }) {
  const { ctx, t } = usePage()
  const title = t(view.change ? 'debit.change_title' : 'debit.on_for', { service: view.service })
  return (
    <Layout back={{ href: view.backHref }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={title} lead={view.change ? undefined : t('debit.lead')} />
      <div class="stack">
        <div class="card">
          <SummaryList
            rows={[
              { label: t('debit.biller'), value: view.biller },
              { label: t('debit.account'), value: view.accountMasked },
              ...(view.change ? [{ label: t('debit.card'), value: t('debit.card_masked', { card: view.change.card }) }] : []),
              { label: t('debit.next'), value: <NextLine next={view.next} /> },
            ]}
          />
        </div>
        <PostForm action={view.action} class="stack stack--loose" idempotencyKey={view.idempotencyKey}>
          {Object.entries(view.hidden).map(([name, value]) => (
            <Hidden key={name} name={name} value={value} />
          ))}
          {!view.change && (
            <Field
              name="card"
              label={t('debit.card_label')}
              hint={t('debit.card_hint')}
              inputMode="numeric"
              maxLength={40}
              errors={view.errors}
            />
          )}
          <Terms view={view} />
          <Section title={t('debit.agreement')}>
            <div class="card">
              <ol class="numbered stack stack--tight">
                {mandateLines(ctx.lang, view).map(line => (
                  <li key={line}>{line}</li>
                ))}
              </ol>
            </div>
          </Section>
          <ConsentBox name="consent" label={t('debit.consent')} errors={view.errors} />
          <Button wide big>
            {t(view.change ? 'debit.submit_change' : 'debit.submit')}
          </Button>
        </PostForm>
      </div>
    </Layout>
  )
}

export const mandatePage = (ctx: PageContext, view: MandateView): string =>
  renderPage(ctx, <MandatePage view={view} />, {
    title: t(ctx.lang)(view.change ? 'debit.change_title' : 'debit.on_for', { service: view.service }),
    hasError: !!view.errors?.length,
  })

export interface OffView {
  service: string
  biller: string
  accountMasked: string
  card: string
  /** Debits asked for already: those with the bank are made all the same, those still here are not. */
  pending: readonly { day: string; amountFen: number; isAtBank: boolean }[]
  action: string
}

/** What stopping means, and the one button that does it. */
export function OffPage({ view }: { view: OffView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: paths.debits }}>
      <Heading title={t('debit.off_title', { service: view.service })} lead={t('debit.off_text')} />
      <div class="stack">
        <div class="card">
          <SummaryList
            rows={[
              { label: t('debit.biller'), value: view.biller },
              { label: t('debit.account'), value: view.accountMasked },
              { label: t('debit.card'), value: t('debit.card_masked', { card: view.card }) },
            ]}
          />
        </div>
        {view.pending.map(one => (
          <Banner
            key={one.day + one.amountFen}
            tone={one.isAtBank ? 'warn' : 'now'}
            title={t(one.isAtBank ? 'debit.off_bank' : 'debit.off_draft', { day: day(ctx.lang, one.day), amount: yuan(one.amountFen) })}
          />
        ))}
        <PostForm action={view.action} class="stack">
          <Button wide big>
            {t('debit.off_confirm')}
          </Button>
        </PostForm>
        <LinkButton href={paths.debits} kind="secondary" wide>
          {t('debit.off_keep')}
        </LinkButton>
      </div>
    </Layout>
  )
}

export const offPage = (ctx: PageContext, view: OffView): string =>
  renderPage(ctx, <OffPage view={view} />, { title: t(ctx.lang)('debit.off_title', { service: view.service }) })
