import { Choices, ErrorSummary, Field, type FieldError, Hidden, QuestionForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Button, LinkButton, LinkList } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export interface ChooseBillerView {
  billers: readonly { id: string; service: string; name: string }[]
  /** Bound accounts of a signed-in resident, straight to their bills. */
  mine: readonly { href: string; service: string; accountMasked: string; nickname?: string }[]
  chosen?: string
  /** Where a bill is photographed; absent where pictures cannot be read. */
  photoHref?: string
  errors?: readonly FieldError[]
}

/** First question: who is paid. A GET form, because nothing changes; field `biller`. */
export function ChooseBillerPage({ view }: { view: ChooseBillerView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: paths.home }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={t('find.title')} />
      {view.mine.length > 0 && (
        <div class="mine">
          <h2>{t('find.mine')}</h2>
          <LinkList
            rows={view.mine.map(a => ({
              href: a.href,
              title: a.nickname ?? a.service,
              note: a.nickname ? `${a.service} ${a.accountMasked}` : a.accountMasked,
            }))}
          />
        </div>
      )}
      {view.photoHref && (
        <div class="mine">
          <LinkButton href={view.photoHref} kind="secondary" icon="camera" wide>
            {t('photo.entry')}
          </LinkButton>
        </div>
      )}
      <form class="stack stack--loose" action={paths.payAccount}>
        <Choices
          name="biller"
          legend={t('find.title')}
          legendUnseen
          choices={view.billers.map(b => ({ value: b.id, label: b.service, note: b.name }))}
          chosen={view.chosen}
          errors={view.errors}
        />
        <Button wide big>
          {t('action.continue')}
        </Button>
      </form>
      <p class="sec t-2">{t('find.scan_hint')}</p>
    </Layout>
  )
}

export const chooseBillerPage = (ctx: PageContext, view: ChooseBillerView): string =>
  renderPage(ctx, <ChooseBillerPage view={view} />, { title: t(ctx.lang)('find.title'), hasError: !!view.errors?.length })

export interface AccountNumberView {
  billerId: string
  service: string
  biller: string
  /** Length or range as text: `10`, `8–12`. */
  digits: string
  example: string
  /** What was typed. */
  value?: string
  errors?: readonly FieldError[]
  /** POST; answers 303 to the bill, or to the list when several are open. */
  action: string
  /** A number that has letters gets the full keyboard. */
  hasLetters?: boolean
}

/** Second question: the account number; fields `biller`, `account`. */
export function AccountNumberPage({ view }: { view: AccountNumberView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: paths.pay }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={t('account.title', { service: view.service })} lead={view.biller} />
      <QuestionForm action={view.action} button={t('account.find')}>
        <Hidden name="biller" value={view.billerId} />
        <Field
          name="account"
          label={t('account.label')}
          hint={`${t('account.hint', { digits: view.digits })}${t('account.example', { example: view.example })}`}
          value={view.value}
          inputMode={view.hasLetters ? 'text' : 'numeric'}
          maxLength={40}
          errors={view.errors}
        />
      </QuestionForm>
    </Layout>
  )
}

export const accountNumberPage = (ctx: PageContext, view: AccountNumberView): string =>
  renderPage(ctx, <AccountNumberPage view={view} />, {
    title: t(ctx.lang)('account.title', { service: view.service }),
    hasError: !!view.errors?.length,
  })
