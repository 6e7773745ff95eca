import { dayWithYear, stamp, yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, QuestionForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Card, PhoneButton, Section, SummaryList } from '#web/ui/parts.tsx'

export type WrongReason = 'account' | 'twice' | 'amount' | 'other'

interface PaymentLine {
  service: string
  periodLabel: string
  biller: string
  amountFen: number
  paidAt: Date
  accountMasked: string
  receiptNo: string
}

export interface WrongPaymentView {
  payment: PaymentLine
  answerWithinDays: number
  /** Whether the money is still with us: it is held when the form is sent. */
  isHeld: boolean
  action: string
  idempotencyKey: string
  backHref: string
  values?: { reason?: WrongReason; rightAccount?: string; note?: string }
  errors?: readonly FieldError[]
}

const reasons: readonly WrongReason[] = ['account', 'twice', 'amount', 'other']

function PaymentCard({ payment }: { payment: PaymentLine }) {
  const { ctx, t } = usePage()
  return (
    <Section title={t('wrong.payment')}>
      <Card>
        <SummaryList
          rows={[
            { label: t('verify.amount'), value: <b>¥{yuan(payment.amountFen)}</b> },
            { label: t('bill.item'), value: t('bill.heading', { service: payment.service, period: payment.periodLabel }) },
            { label: t('done.account'), value: payment.accountMasked },
            { label: t('done.time'), value: stamp(ctx.lang, payment.paidAt) },
            { label: t('done.receipt_no'), value: payment.receiptNo },
          ]}
        />
      </Card>
    </Section>
  )
}

/** One form for a payment made by mistake; fields `reason`, `right_account`, `note`. */
export function WrongPaymentPage({ view }: { view: WrongPaymentView }) {
  const { t } = usePage()
  const { values = {} } = view
  return (
    <Layout back={{ href: view.backHref }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={t('wrong.title')} lead={t('wrong.lead', { days: view.answerWithinDays })} />
      <QuestionForm action={view.action} button={t('wrong.submit')} idempotencyKey={view.idempotencyKey}>
        <Choices
          name="reason"
          legend={t('wrong.reason')}
          choices={reasons.map(r => ({ value: r, label: t(`wrong.reason_${r}`) }))}
          chosen={values.reason}
          errors={view.errors}
        />
        <Field
          name="right_account"
          label={t('wrong.right_account')}
          optional
          value={values.rightAccount}
          maxLength={40}
          errors={view.errors}
        />
        <Field name="note" label={t('wrong.note')} optional rows={3} value={values.note} maxLength={500} errors={view.errors} />
      </QuestionForm>
      <PaymentCard payment={view.payment} />
      <div class="sec">
        <Banner
          tone={view.isHeld ? 'ok' : 'now'}
          title={t(view.isHeld ? 'wrong.held' : 'wrong.not_held', { biller: view.payment.biller })}
        />
      </div>
    </Layout>
  )
}

export const wrongPaymentPage = (ctx: PageContext, view: WrongPaymentView): string =>
  renderPage(ctx, <WrongPaymentPage view={view} />, { title: t(ctx.lang)('wrong.title'), hasError: !!view.errors?.length })

export interface WrongOutcomeView {
  payment: PaymentLine
  requestNo: string
  state: 'received' | 'asked' | 'refunding' | 'refunded' | 'moved' | 'refused'
  /** Day of the latest answer, while none is given. */
  answerBy?: string
  /** Role and masked name. */
  handledBy?: string
  reason?: string
  isHeld: boolean
  backHref: string
}

const tones = { received: 'now', asked: 'now', refunding: 'warn', refunded: 'ok', moved: 'ok', refused: 'bad' } as const

/** Where a wrong-payment request stands and who answers until when. */
export function WrongOutcomePage({ view }: { view: WrongOutcomeView }) {
  const { ctx, t } = usePage()
  const isOpen = view.state === 'received' || view.state === 'asked'
  return (
    <Layout back={{ href: view.backHref }}>
      <Heading title={t('wrong.outcome_title')} />
      <Banner tone={tones[view.state]} title={t(`wrong.state_${view.state}`, { biller: view.payment.biller })}>
        {isOpen && <p>{t(view.isHeld ? 'wrong.held' : 'wrong.not_held', { biller: view.payment.biller })}</p>}
        {view.state === 'refunding' && <p>{t('money.charged_refunding_text')}</p>}
      </Banner>
      <div class="sec">
        <Card>
          <SummaryList
            rows={[
              { label: t('wrong.request_no'), value: view.requestNo },
              ...(view.answerBy ? [{ label: t('wrong.answer_by'), value: dayWithYear(ctx.lang, view.answerBy) }] : []),
              ...(view.handledBy ? [{ label: t('wrong.who'), value: view.handledBy }] : []),
              ...(view.reason ? [{ label: t('wrong.reason_given'), value: view.reason }] : []),
            ]}
          />
        </Card>
      </div>
      <PaymentCard payment={view.payment} />
      <div class="sec">
        <PhoneButton />
      </div>
    </Layout>
  )
}

export const wrongOutcomePage = (ctx: PageContext, view: WrongOutcomeView): string =>
  renderPage(ctx, <WrongOutcomePage view={view} />, { title: t(ctx.lang)('wrong.outcome_title') })
