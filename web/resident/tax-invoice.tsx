import { dateTime, yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, QuestionForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Card, LinkButton, Section, SummaryList } from '#web/ui/parts.tsx'

export interface TaxInvoiceLine {
  service: string
  periodLabel: string
  biller: string
  amountFen: number
  /** None was asked for: nothing. */
  state?: 'asked' | 'sent' | 'issued' | 'refused'
  askedAt?: Date
  number?: string
  href?: string
  /** What the biller said; `isBack` when the money went back before. */
  reason?: string
  isBack?: boolean
}

export interface TaxInvoiceView {
  lines: readonly TaxInvoiceLine[]
  backHref: string
  /** The money went back: nothing can be asked for any more. */
  isBack?: boolean
  /** Set while one may be asked for. */
  form?: {
    action: string
    idempotencyKey: string
    values?: Readonly<Record<string, string>>
    errors?: readonly FieldError[]
  }
}

const tones = { asked: 'now', sent: 'now', issued: 'ok', refused: 'bad' } as const

function Line({ line }: { line: TaxInvoiceLine }) {
  const { ctx, t } = usePage()
  return (
    <Section title={t('bill.heading', { service: line.service, period: line.periodLabel })}>
      <div class="stack">
        {line.state && (
          <Banner tone={tones[line.state]} title={t(`invoice.state_${line.state}`, { biller: line.biller })}>
            {line.state === 'refused' && <p>{line.isBack ? t('invoice.back') : t('invoice.reason', { reason: line.reason ?? '' })}</p>}
            {(line.state === 'asked' || line.state === 'sent') && <p>{t('invoice.wait')}</p>}
          </Banner>
        )}
        <Card>
          <SummaryList
            rows={[
              { label: t('verify.amount'), value: <b>¥{yuan(line.amountFen)}</b> },
              { label: t('invoice.by'), value: line.biller },
              ...(line.number ? [{ label: t('invoice.number'), value: line.number }] : []),
              ...(line.askedAt ? [{ label: t('invoice.asked_at'), value: dateTime(ctx.lang, line.askedAt) }] : []),
            ]}
          />
        </Card>
        {line.href && (
          <LinkButton href={line.href} icon="file" wide>
            {t('invoice.open')}
          </LinkButton>
        )}
      </div>
    </Section>
  )
}

/** Invoices of a payment: what came of those asked for, and asking; fields `kind`, `name`, `tax_no`, `email`. */
export function TaxInvoicePage({ view }: { view: TaxInvoiceView }) {
  const { t } = usePage()
  const { form } = view
  const { values = {}, errors } = form ?? {}
  const field = (name: 'name' | 'tax_no' | 'email', more: { optional?: boolean; hint?: string; maxLength: number }) => (
    <Field
      name={name}
      label={t(`invoice.${name}`)}
      autoComplete="off"
      {...more}
      {...(values[name] !== undefined && { value: values[name] })}
      {...(errors && { errors })}
    />
  )
  return (
    <Layout back={{ href: view.backHref }}>
      <ErrorSummary errors={errors} />
      <Heading title={t('invoice.title')} {...(!view.isBack && { lead: t('invoice.lead') })} />
      {view.isBack && <Banner tone="now" title={t('invoice.back')} />}
      {form && (
        <QuestionForm action={form.action} button={t('invoice.ask')} idempotencyKey={form.idempotencyKey}>
          <Choices
            name="kind"
            legend={t('invoice.kind')}
            choices={(['person', 'company'] as const).map(value => ({ value, label: t(`invoice.kind_${value}`) }))}
            chosen={values.kind ?? 'person'}
            {...(errors && { errors })}
          />
          {field('name', { hint: t('invoice.name_hint'), maxLength: 100 })}
          {field('tax_no', { hint: t('invoice.tax_no_hint'), optional: true, maxLength: 30 })}
          {field('email', { hint: t('invoice.email_hint'), optional: true, maxLength: 200 })}
        </QuestionForm>
      )}
      {view.lines.map((line, i) => (
        <Line line={line} key={i} />
      ))}
    </Layout>
  )
}

export const taxInvoicePage = (ctx: PageContext, view: TaxInvoiceView): string =>
  renderPage(ctx, <TaxInvoicePage view={view} />, { title: t(ctx.lang)('invoice.title'), hasError: !!view.form?.errors?.length })
