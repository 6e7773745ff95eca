import { paths } from '#web/resident/paths.ts'
import { dateTime, day, yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, PostForm, QuestionForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Button, Card, LinkButton, PhoneButton, Section, SummaryList } from '#web/ui/parts.tsx'

/** corrected: the biller said that it was wrong, and it has another amount since. */
export type DisputeStage = 'open' | 'upheld' | 'corrected' | 'kept'
export const disputeReasons = ['amount', 'reading', 'paid_already', 'not_mine', 'other'] as const

interface BillLine {
  href: string
  service: string
  periodLabel: string
  biller: string
  accountMasked: string
  amountFen: number
}

export interface DisputeView {
  bill: BillLine
  days: number
  /** Asking is possible. */
  form?: { action: string; idempotencyKey: string; values?: Readonly<Record<string, string>>; errors?: readonly FieldError[] }
  /** What has to be done before. */
  first?: 'sign_in' | 'keep'
  signInHref?: string
  /** Nothing to check any more. */
  isOver?: boolean
  standing?: {
    stage: DisputeStage
    reason: (typeof disputeReasons)[number]
    note?: string
    askedAt: Date
    dueOn: string
    answer?: string
    answeredAt?: Date
    withdrawAction?: string
  }
}

const tones = { open: 'now', upheld: 'warn', corrected: 'ok', kept: 'ok' } as const

function Standing({ view }: { view: NonNullable<DisputeView['standing']> }) {
  const { ctx, t } = usePage()
  const { stage } = view
  return (
    <div class="stack">
      <Banner tone={tones[stage]} title={t(`dispute.state_${stage}`)}>
        {stage !== 'corrected' && <p>{t(`dispute.state_${stage}_text`, { day: day(ctx.lang, view.dueOn) })}</p>}
      </Banner>
      <Card>
        <SummaryList
          rows={[
            ...(view.answer ? [{ label: t('dispute.answer'), value: <b>{view.answer}</b> }] : []),
            ...(view.answeredAt ? [{ label: t('dispute.answered_at'), value: dateTime(ctx.lang, view.answeredAt) }] : []),
            { label: t('dispute.reason'), value: t(`dispute.reason_${view.reason}`) },
            ...(view.note ? [{ label: t('dispute.own_note'), value: view.note }] : []),
            { label: t('dispute.asked_at'), value: dateTime(ctx.lang, view.askedAt) },
          ]}
        />
      </Card>
      {view.withdrawAction && (
        <PostForm action={view.withdrawAction} class="stack">
          <Button kind="secondary" wide>
            {t('dispute.withdraw')}
          </Button>
          <p class="t-2 t-sm">{t('dispute.withdraw_note')}</p>
        </PostForm>
      )}
      {stage === 'kept' && <PhoneButton />}
    </div>
  )
}

/** Having a bill checked: the form, or how the check stands. Fields `reason`, `note`. */
export function DisputePage({ view }: { view: DisputeView }) {
  const { t } = usePage()
  const { bill, form, standing } = view
  return (
    <Layout back={{ href: bill.href }}>
      <ErrorSummary errors={form?.errors} />
      <Heading title={t('dispute.title')} {...(!standing && !view.isOver && { lead: t('dispute.lead', { days: view.days }) })} />
      {view.isOver && <Banner tone="now" title={t('dispute.over')} />}
      {view.first && (
        <div class="stack">
          <Banner tone="now" title={t(`dispute.${view.first}`)} />
          <LinkButton href={view.first === 'keep' ? paths.householdNew : (view.signInHref ?? paths.signIn)} wide>
            {t(view.first === 'keep' ? 'dispute.keep_link' : 'err.sign_in')}
          </LinkButton>
        </div>
      )}
      {standing && <Standing view={standing} />}
      {form && (
        <QuestionForm action={form.action} button={t('dispute.submit')} idempotencyKey={form.idempotencyKey}>
          <Choices
            name="reason"
            legend={t('dispute.reason')}
            choices={disputeReasons.map(value => ({ value, label: t(`dispute.reason_${value}`) }))}
            chosen={form.values?.reason}
            errors={form.errors}
          />
          <Field
            name="note"
            label={t('dispute.note')}
            hint={t('dispute.note_hint')}
            optional
            rows={3}
            maxLength={500}
            value={form.values?.note}
            errors={form.errors}
          />
        </QuestionForm>
      )}
      <Section title={t('dispute.bill')}>
        <Card kind="stack">
          <SummaryList
            rows={[
              { label: t('verify.amount'), value: <b>¥{yuan(bill.amountFen)}</b> },
              { label: t('bill.item'), value: t('bill.heading', { service: bill.service, period: bill.periodLabel }) },
              { label: t('done.account'), value: bill.accountMasked },
              { label: t('debit.biller'), value: bill.biller },
            ]}
          />
          <LinkButton href={bill.href} kind="link">
            {t('dispute.to_bill')}
          </LinkButton>
        </Card>
      </Section>
    </Layout>
  )
}

export const disputePage = (ctx: PageContext, view: DisputeView): string =>
  renderPage(ctx, <DisputePage view={view} />, { title: t(ctx.lang)('dispute.title'), hasError: !!view.form?.errors?.length })
