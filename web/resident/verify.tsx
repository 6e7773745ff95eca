import { stamp, yuan } from '#web/ui/format.ts'
import { ErrorSummary, Field, type FieldError, FileField, PostForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Button, Card, LinkButton, PhoneButton, SummaryList } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export interface VerifyView {
  /** Code as typed or scanned. */
  code?: string
  errors?: readonly FieldError[]
  /** `pending` = genuine, not yet sequenced into the public log. */
  answer?:
    | { state: 'invalid' }
    | { state: 'file_invalid' }
    | {
        state: 'valid' | 'pending' | 'refunded'
        receiptNo: string
        biller: string
        service: string
        periodLabel: string
        amountFen: number
        /** Of it given back, or on its way. */
        partFen?: number
        paidAt: Date
        leafIndex?: number
        rootHash?: string
        proofHref?: string
      }
}

const tones = { valid: 'ok', pending: 'ok', refunded: 'warn', invalid: 'bad', file_invalid: 'bad' } as const

function Answer({ answer }: { answer: NonNullable<VerifyView['answer']> }) {
  const { ctx, t } = usePage()
  return (
    <div class="stack">
      <Banner tone={tones[answer.state]} title={t(`verify.${answer.state}`)} live>
        <p>{t(`verify.${answer.state}_text`)}</p>
      </Banner>
      {answer.state === 'invalid' || answer.state === 'file_invalid' ? (
        <PhoneButton />
      ) : (
        <Card kind="stack">
          <SummaryList
            rows={[
              { label: t('verify.amount'), value: <b>¥{yuan(answer.amountFen)}</b> },
              ...(answer.partFen ? [{ label: t('done.back'), value: `¥${yuan(answer.partFen)}` }] : []),
              { label: t('bill.item'), value: t('bill.heading', { service: answer.service, period: answer.periodLabel }) },
              { label: t('print.payer'), value: answer.biller },
              { label: t('done.time'), value: stamp(ctx.lang, answer.paidAt) },
              { label: t('done.receipt_no'), value: answer.receiptNo },
              ...(answer.leafIndex === undefined ? [] : [{ label: t('verify.leaf'), value: String(answer.leafIndex) }]),
              ...(answer.rootHash ? [{ label: t('verify.root'), value: <span class="code">{answer.rootHash}</span> }] : []),
            ]}
          />
          {answer.proofHref && (
            <LinkButton href={answer.proofHref} kind="secondary" icon="lock" wide download>
              {t('verify.proof')}
            </LinkButton>
          )}
        </Card>
      )}
    </div>
  )
}

/** Anyone can check a receipt: GET with `c`. */
export function VerifyPage({ view }: { view: VerifyView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: paths.home, text: t('layout.home') }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={t('verify.title')} lead={view.answer ? undefined : t('verify.lead')} />
      {view.answer && <Answer answer={view.answer} />}
      <form class="sec stack" action={paths.verify}>
        {view.answer && <h2>{t('verify.another')}</h2>}
        <Field
          name="c"
          label={t('verify.code')}
          hint={t('verify.code_hint')}
          value={view.answer ? '' : view.code}
          maxLength={400}
          errors={view.errors}
        />
        <Button wide big kind={view.answer ? 'secondary' : undefined}>
          {t('verify.check')}
        </Button>
      </form>
      <PostForm action={paths.verifyFile} class="sec stack" hasFile>
        <h2>{t('verify.file_title')}</h2>
        <FileField name="file" label={t('verify.file')} hint={t('verify.file_hint')} accept=".json,.pdf" errors={view.errors} />
        <Button wide kind="secondary">
          {t('verify.file_check')}
        </Button>
      </PostForm>
    </Layout>
  )
}

export const verifyPage = (ctx: PageContext, view: VerifyView): string =>
  renderPage(ctx, <VerifyPage view={view} />, { title: t(ctx.lang)('verify.title'), hasError: !!view.errors?.length })
