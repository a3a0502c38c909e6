-- Which appliances take typed codes, and which front desks were opened as kiosks.

-- Without a default: whoever makes an appliance says so, see fleet/rules.py.
ALTER TABLE appliance ADD COLUMN keypad boolean;
UPDATE appliance SET keypad = kind = 'shower';
ALTER TABLE appliance ALTER COLUMN keypad SET NOT NULL;

-- What the browser is that opened the link last. Of those before, the audit trail knows.
ALTER TABLE front_desk ADD COLUMN browser text COLLATE "C" NOT NULL DEFAULT 'desk' CHECK (browser IN ('desk', 'kiosk'));
UPDATE front_desk d SET browser = 'kiosk' WHERE 'kiosk' = (
    SELECT a.detail FROM audit a
    WHERE a.operator_id = d.operator_id AND a.object = d.desk_id AND a.action = 'desk.open'
    ORDER BY a.audit_id DESC LIMIT 1
);
