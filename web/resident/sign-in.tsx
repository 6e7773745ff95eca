import { ErrorSummary, Field, type FieldError, Hidden, PostForm, QuestionForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Button, LinkButton } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export interface SignInView {
  /** As typed. */
  phone?: string
  /** Local path to return to after sign-in. */
  next: string
  errors?: readonly FieldError[]
}

/** Fields `again`, `next`: a code to the telephone known already. */
export function ProofPage({ view }: { view: SignInView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: paths.mine }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={t('proof.title')} lead={t('proof.lead')} />
      <PostForm action={paths.signIn}>
        <Hidden name="next" value={view.next} />
        <Hidden name="again" value="1" />
        <Button wide>{t('sign_in.send')}</Button>
      </PostForm>
    </Layout>
  )
}

export const proofPage = (ctx: PageContext, view: SignInView): string =>
  renderPage(ctx, <ProofPage view={view} />, { title: t(ctx.lang)('proof.title'), hasError: !!view.errors?.length })

/** Fields `phone`, `next`. */
export function SignInPage({ view }: { view: SignInView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: paths.home }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={t('sign_in.title')} lead={t('sign_in.lead')} />
      <QuestionForm action={paths.signIn} button={t('sign_in.send')}>
        <Hidden name="next" value={view.next} />
        <Field
          name="phone"
          label={t('sign_in.phone')}
          hint={t('sign_in.phone_hint')}
          type="tel"
          inputMode="tel"
          autoComplete="tel"
          value={view.phone}
          maxLength={30}
          errors={view.errors}
        />
      </QuestionForm>
    </Layout>
  )
}

export const signInPage = (ctx: PageContext, view: SignInView): string =>
  renderPage(ctx, <SignInPage view={view} />, { title: t(ctx.lang)('sign_in.title'), hasError: !!view.errors?.length })

export interface SignInCodeView {
  phoneMasked: string
  /** Of a code that was sent just now. */
  validMinutes?: number
  /** Opaque handle of the challenge; the telephone number is not in the page. */
  challenge: string
  next: string
  errors?: readonly FieldError[]
}

/** Fields `challenge`, `code`, `next`; the second form posts `resend`. */
export function SignInCodePage({ view }: { view: SignInCodeView }) {
  const { t } = usePage()
  const state = (
    <>
      <Hidden name="challenge" value={view.challenge} />
      <Hidden name="next" value={view.next} />
    </>
  )
  const lead = view.validMinutes
    ? t('code.lead', { phone: view.phoneMasked, minutes: view.validMinutes })
    : t('code.lead_again', { phone: view.phoneMasked })
  return (
    <Layout back={{ href: paths.signIn }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={t('code.title')} lead={lead} />
      <QuestionForm action={paths.signInCode} button={t('code.submit')}>
        {state}
        <Field name="code" label={t('code.label')} inputMode="numeric" autoComplete="one-time-code" maxLength={12} errors={view.errors} />
      </QuestionForm>
      <div class="sec stack">
        <PostForm action={paths.signInCode}>
          {state}
          <Button kind="secondary" wide name="resend" value="1">
            {t('code.resend')}
          </Button>
        </PostForm>
        <LinkButton href={paths.signIn} kind="link">
          {t('code.other_phone')}
        </LinkButton>
      </div>
    </Layout>
  )
}

export const signInCodePage = (ctx: PageContext, view: SignInCodeView): string =>
  renderPage(ctx, <SignInCodePage view={view} />, { title: t(ctx.lang)('code.title'), hasError: !!view.errors?.length })
