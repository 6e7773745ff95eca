import { ErrorSummary, Field, type FieldError, Hidden, QuestionForm } from '#web/ui/forms.tsx'
import { Heading } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, usePage } from '#web/ui/page.tsx'
import { Qr } from '#web/ui/parts.tsx'
import { staffPaths } from './paths.ts'
import { renderStaffPage, StaffLayout } from './shell.tsx'

export interface EnrolView {
  username?: string
  errors?: readonly FieldError[]
}

/** Fields `username`, `code`. */
export function EnrolPage({ view }: { view: EnrolView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <div class="deskbox card">
        <ErrorSummary errors={view.errors} />
        <Heading title={t('staff.enrol')} lead={t('staff.enrol_lead')} />
        <QuestionForm action={staffPaths.enrol}>
          <Field
            name="username"
            label={t('staff.username')}
            autoComplete="username"
            value={view.username}
            maxLength={60}
            errors={view.errors}
          />
          <Field name="code" label={t('staff.enrol_code')} maxLength={40} errors={view.errors} />
        </QuestionForm>
      </div>
    </StaffLayout>
  )
}

export const enrolPage = (ctx: PageContext, view: EnrolView): string =>
  renderStaffPage(ctx, <EnrolPage view={view} />, { title: t(ctx.lang)('staff.enrol'), hasError: !!view.errors?.length })

export interface EnrolSetView {
  username: string
  code: string
  totpSecret: string
  otpauthUrl: string
  errors?: readonly FieldError[]
}

/** Fields `username`, `code`, `newPassword`, `totp`. */
export function EnrolSetPage({ view }: { view: EnrolSetView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <div class="deskbox card stack">
        <ErrorSummary errors={view.errors} />
        <Heading title={t('staff.enrol')} />
        <h2>{t('staff.enrol_scan')}</h2>
        <p>{t('staff.enrol_scan_text')}</p>
        <Qr text={view.otpauthUrl} label={t('staff.enrol_qr')} />
        <p>
          {t('staff.enrol_key')} <code class="code">{view.totpSecret.replace(/.{4}(?=.)/g, '$& ')}</code>
        </p>
        <h2>{t('staff.enrol_set')}</h2>
        <QuestionForm action={staffPaths.enrolFinish} button={t('staff.enrol_save')}>
          <Hidden name="username" value={view.username} />
          <Hidden name="code" value={view.code} />
          <Field
            name="newPassword"
            label={t('staff.password_new')}
            hint={t('staff.password_hint')}
            type="password"
            autoComplete="new-password"
            maxLength={200}
            errors={view.errors}
          />
          <Field
            name="totp"
            label={t('staff.code_now')}
            hint={t('staff.code_hint')}
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

export const enrolSetPage = (ctx: PageContext, view: EnrolSetView): string =>
  renderStaffPage(ctx, <EnrolSetPage view={view} />, { title: t(ctx.lang)('staff.enrol'), hasError: !!view.errors?.length })
