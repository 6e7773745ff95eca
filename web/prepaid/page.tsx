import { paths } from '#web/resident/paths.ts'
import { dateTime, yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, PostForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, Money, Section, SummaryList } from '#web/ui/parts.tsx'

export interface PrepaidPageView {
  service: string
  biller: string
  accountMasked: string
  balanceFen: number
  moves: readonly { href: string; title: string; at: Date; amountFen: number; backFen: number }[]
  backHref: string
  /** Absent where nothing can be paid in. */
  form?: {
    action: string
    idempotencyKey: string
    amounts: readonly number[]
    minFen: number
    maxFen: number
    ways: readonly { id: 'wechat' | 'alipay' | 'cash' | 'sandbox' }[]
    values?: Readonly<Record<string, string>>
    errors?: readonly FieldError[]
    isInWechat?: true
  }
}

function TopUpForm({ form }: { form: NonNullable<PrepaidPageView['form']> }) {
  const { t } = usePage()
  const { values = {}, errors } = form
  return (
    <PostForm action={form.action} id="pay" idempotencyKey={form.idempotencyKey} class="card stack stack--loose">
      <Choices
        name="amount"
        legend={t('prepaid.amount')}
        choices={form.amounts.map(fen => ({ value: String(fen), label: t('prepaid.yuan', { amount: yuan(fen) }) }))}
        {...(values.amount && { chosen: values.amount })}
        {...(errors && { errors })}
      />
      <Field
        name="other"
        label={t('prepaid.other')}
        hint={t('prepaid.other_hint', { min: yuan(form.minFen), max: yuan(form.maxFen) })}
        optional
        inputMode="decimal"
        maxLength={12}
        {...(values.other !== undefined && { value: values.other })}
      />
      <Choices
        name="way"
        legend={t('bill.way')}
        choices={form.ways.map(way => ({ value: way.id, label: t(`way.${way.id}`) }))}
        {...((values.way || form.ways[0]) && { chosen: values.way || form.ways[0]!.id })}
        {...(errors && { errors })}
      />
      <Button wide big>
        {t('prepaid.pay')}
      </Button>
    </PostForm>
  )
}

/** What is held in advance for an account, paying in, and where it went. */
export function PrepaidPage({ view }: { view: PrepaidPageView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: view.backHref }}>
      <ErrorSummary errors={view.form?.errors} />
      <Heading title={t('prepaid.heading', { service: view.service })} />
      <div class="card stack">
        <p class="t-2">{t('prepaid.balance')}</p>
        <Money fen={view.balanceFen} size="xl" />
        <p class="t-2">
          {view.biller}
          <br />
          {view.accountMasked}
        </p>
        <p>{t('prepaid.note')}</p>
      </div>
      <div class="sec">
        {view.form ? (
          <TopUpForm form={view.form} />
        ) : (
          <Banner tone="warn" title={t('prepaid.closed')}>
            <p>{t('prepaid.closed_text')}</p>
          </Banner>
        )}
      </div>
      <Section title={t('prepaid.moves')}>
        {view.moves.length === 0 ? (
          <Empty title={t('prepaid.none')}>
            <p>{t('prepaid.none_text')}</p>
          </Empty>
        ) : (
          <div class="card">
            <SummaryList
              rows={view.moves.map(m => ({
                label: dateTime(ctx.lang, m.at),
                value: (
                  <a href={m.href}>
                    {m.amountFen > 0 ? '+' : '−'}
                    {yuan(Math.abs(m.amountFen))} {m.amountFen > 0 ? t('prepaid.in') : t('prepaid.out', { title: m.title })}
                    {m.backFen > 0 && t('prepaid.back', { amount: yuan(m.backFen) })}
                  </a>
                ),
              }))}
            />
          </div>
        )}
      </Section>
    </Layout>
  )
}

export const prepaidPage = (ctx: PageContext, view: PrepaidPageView): string =>
  renderPage(ctx, <PrepaidPage view={view} />, {
    title: t(ctx.lang)('prepaid.heading', { service: view.service }),
    hasError: !!view.form?.errors?.length,
    ...(view.form?.isInWechat && { scripts: ['jsapi.js'] as const }),
  })

export const prepaidHref = (accountId: string): string => `${paths.prepaid}/${accountId}`
