import { dateTime } from '#web/ui/format.ts'
import { ErrorSummary, Field, type FieldError, Hidden, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, LinkButton, SummaryList, Table } from '#web/ui/parts.tsx'
import { staffPaths } from './paths.ts'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext } from './shell.tsx'

export interface MeView {
  name: string
  role: string
  /** Of staff of a biller. */
  biller?: string
  area: string
  sessions: readonly { id: string; startedAt: Date; seenAt: Date; isCurrent: boolean }[]
  /** May see the accounts of others. */
  hasAccounts: boolean
  notice?: 'password' | 'ended'
  errors?: readonly FieldError[]
}

function Sessions({ view }: { view: MeView }) {
  const { ctx, t } = usePage()
  return (
    <Pane title={t('staff.sessions')} note={t('staff.sessions_note')}>
      <Table
        dense
        columns={[
          { title: t('staff.session_started'), cell: (s: MeView['sessions'][number]) => dateTime(ctx.lang, s.startedAt) },
          { title: t('staff.session_seen'), cell: s => dateTime(ctx.lang, s.seenAt) },
          {
            title: t('staff.session_end'),
            cell: s =>
              s.isCurrent ? (
                t('staff.session_this')
              ) : (
                <PostForm action={staffPaths.endSession}>
                  <Hidden name="id" value={s.id} />
                  <Button kind="secondary">
                    {t('staff.session_end')}
                    <span class="unseen">{t('staff.session_end_of', { at: dateTime(ctx.lang, s.startedAt) })}</span>
                  </Button>
                </PostForm>
              ),
          },
        ]}
        rows={view.sessions}
      />
      {view.sessions.length > 1 && (
        <PostForm action={staffPaths.endOthers}>
          <Button kind="danger">{t('staff.session_end_others')}</Button>
        </PostForm>
      )}
    </Pane>
  )
}

function PasswordForm({ errors }: { errors: readonly FieldError[] | undefined }) {
  const { t } = usePage()
  return (
    <Pane title={t('staff.password_change')} note={t('staff.password_note')}>
      <PostForm action={staffPaths.password} class="stack">
        <Field
          name="password"
          label={t('staff.password_old')}
          type="password"
          autoComplete="current-password"
          maxLength={200}
          errors={errors}
        />
        <Field
          name="newPassword"
          label={t('staff.password_new')}
          hint={t('staff.password_hint')}
          type="password"
          autoComplete="new-password"
          maxLength={200}
          errors={errors}
        />
        <Field
          name="code"
          label={t('staff.code_now')}
          hint={t('staff.code_hint')}
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={12}
          errors={errors}
        />
        <div class="btns">
          <Button>{t('staff.password_save')}</Button>
        </div>
      </PostForm>
    </Pane>
  )
}

/** Own account: who I am here, where I am signed in, my password. Fields `password`, `newPassword`, `code`; `id` of a sign-in. */
export function MePage({ view }: { view: MeView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('staff.me')}</h1>
      <ErrorSummary errors={view.errors} />
      {view.notice && <Banner tone="ok" title={t(`staff.notice_${view.notice}`)} live />}
      <Pane title={view.name}>
        <SummaryList
          rows={[
            { label: t('staff.role'), value: view.role },
            ...(view.biller ? [{ label: t('staff.biller'), value: view.biller }] : []),
            { label: t('staff.area'), value: view.area },
          ]}
        />
        {view.hasAccounts && (
          <div class="btns">
            <LinkButton href={staffPaths.accounts} kind="secondary">
              {t('staff.to_accounts')}
            </LinkButton>
          </div>
        )}
      </Pane>
      <Sessions view={view} />
      <PasswordForm errors={view.errors} />
    </StaffLayout>
  )
}

export const mePage = (ctx: StaffPageContext, view: MeView): string =>
  renderStaffPage(ctx, <MePage view={view} />, { title: t(ctx.lang)('staff.me'), hasError: !!view.errors?.length })
