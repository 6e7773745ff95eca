import { ErrorSummary, Field, type FieldError, Hidden, QuestionForm } from '#web/ui/forms.tsx'
import { Heading } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, usePage } from '#web/ui/page.tsx'
import { Banner, LinkButton } from '#web/ui/parts.tsx'
import { staffPaths } from './paths.ts'
import { renderStaffPage, StaffLayout } from './shell.tsx'

export interface StaffSignInView {
  username?: string
  next: string
  /** What was done just before. */
  notice?: 'enrolled'
  errors?: readonly FieldError[]
}

/** Fields `username`, `password`, `next`. */
export function StaffSignInPage({ view }: { view: StaffSignInView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <div class="deskbox card">
        <ErrorSummary errors={view.errors} />
        {view.notice && <Banner tone="ok" title={t(`staff.notice_${view.notice}`)} live />}
        <Heading title={t('staff.sign_in')} />
        <QuestionForm action={staffPaths.signIn} button={t('staff.sign_in_button')}>
          <Hidden name="next" value={view.next} />
          <Field
            name="username"
            label={t('staff.username')}
            autoComplete="username"
            value={view.username}
            maxLength={60}
            errors={view.errors}
          />
          <Field
            name="password"
            label={t('staff.password')}
            type="password"
            autoComplete="current-password"
            maxLength={200}
            errors={view.errors}
          />
        </QuestionForm>
        <LinkButton href={staffPaths.enrol} kind="link">
          {t('staff.have_code')}
        </LinkButton>
      </div>
    </StaffLayout>
  )
}

export const staffSignInPage = (ctx: PageContext, view: StaffSignInView): string =>
  renderStaffPage(ctx, <StaffSignInPage view={view} />, { title: t(ctx.lang)('staff.sign_in'), hasError: !!view.errors?.length })

export interface SecondFactorView {
  /** Opaque handle of the half-finished sign-in. */
  challenge: string
  next: string
  errors?: readonly FieldError[]
}

/** Fields `challenge`, `code`, `next`. */
export function SecondFactorPage({ view }: { view: SecondFactorView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <div class="deskbox card">
        <ErrorSummary errors={view.errors} />
        <Heading title={t('staff.second_title')} lead={t('staff.second_lead')} />
        <QuestionForm action={staffPaths.second}>
          <Hidden name="challenge" value={view.challenge} />
          <Hidden name="next" value={view.next} />
          <Field
            name="code"
            label={t('staff.second_label')}
            inputMode="numeric"
            autoComplete="one-time-code"
            maxLength={12}
            errors={view.errors}
          />
        </QuestionForm>
      </div>
    </StaffLayout>
  )
}

export const secondFactorPage = (ctx: PageContext, view: SecondFactorView): string =>
  renderStaffPage(ctx, <SecondFactorPage view={view} />, { title: t(ctx.lang)('staff.second_title'), hasError: !!view.errors?.length })
