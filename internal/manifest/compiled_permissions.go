package manifest

// permissions reads what the profiles of a stack may do. Nothing here grants it, so it is the structure that counts, and the
// builder's own loader refuses every key it does not know in there.
func (c *compiled) permissions(n node) {
	ok := c.object(n, fields{
		"profiles": func(v node) {
			members, _ := c.members(v)
			for _, m := range members {
				c.profile(m)
			}
		},
		"management": c.management,
	}, c.refuse(nil))
	if ok {
		c.require(n, "profiles")
	}
}

// management reads what managing the stack takes: "auto", or one object of the two kinds.
func (c *compiled) management(n node) {
	if n.isText() {
		c.word(n, "a way of managing", "auto")
		return
	}
	if n.kind() != "an object" {
		c.wrongType(n, "a string or an object", `write "auto"`)
		return
	}
	c.object(n, fields{"extend": c.profile, "override": c.profile}, c.refuse(nil))
	switch extend, override := n.has("extend"), n.has("override"); {
	case extend && override:
		c.errorf(CodeConflict, n.at, `"extend" and "override" exclude each other`, "keep one of the two")
	case !extend && !override:
		c.errorf(CodeMissing, n.at, `"extend" or "override" is missing`, `add one of them, or write "auto"`)
	}
}

// profile reads grants by resource.
func (c *compiled) profile(n node) {
	members, _ := c.members(n)
	for _, m := range members {
		items, _ := c.items(m, "")
		for _, item := range items {
			name := c.grant(item)
			if m.name == "*" && name != "" {
				c.wildcards = append(c.wildcards, wildcard{kind: wildcardKind(name), at: item.at})
			}
		}
	}
}

// grant reads the name of a set of permissions, or a set written out, and gives its name.
func (c *compiled) grant(n node) string {
	if n.isText() {
		return c.text(n)
	}
	if n.kind() != "an object" {
		c.wrongType(n, "a string or an object", `write the name of a set, such as "storage/data-read"`)
		return ""
	}
	var id string
	c.strict(n, fields{
		"id":          func(v node) { id = c.text(v) },
		"description": func(v node) { c.text(v) },
		"platforms": func(v node) {
			c.strict(v, fields{
				"aws":   orNull(c.each(c.permission("aws", c.bindAWS))),
				"gcp":   orNull(c.each(c.permission("gcp", c.bindGCP))),
				"azure": orNull(c.each(c.permission("azure", c.bindAzure))),
			})
		},
	}, "id", "description", "platforms")
	return id
}

// permission gives what reads one item of a platform.
func (c *compiled) permission(platform string, bind func(node)) func(node) {
	return func(n node) {
		known := fields{
			"label": orNull(c.anyText), "description": orNull(c.anyText),
			"grant":   c.grantOf,
			"binding": func(v node) { c.strict(v, fields{"stack": orNull(bind), "resource": orNull(bind)}) },
		}
		if platform == "aws" {
			known["effect"] = orNull(func(v node) { c.word(v, "an effect", "Allow", "Deny") })
		}
		c.strict(n, known, "grant", "binding")
	}
}

func (c *compiled) grantOf(n node) {
	c.strict(n, fields{
		"actions": orNull(c.each(c.anyText)), "permissions": orNull(c.each(c.anyText)), "predefinedRoles": orNull(c.each(c.anyText)),
		"residualPermissions": orNull(c.each(c.anyText)), "dataActions": orNull(c.each(c.anyText)),
	})
}

func (c *compiled) bindAWS(n node) {
	condition := orNull(func(v node) {
		operators, _ := c.members(v)
		for _, operator := range operators {
			c.plainEnvironment(operator)
		}
	})
	c.strict(n, fields{"resources": c.each(c.anyText), "condition": condition}, "resources")
}

func (c *compiled) bindGCP(n node) {
	condition := orNull(func(v node) {
		c.strict(v, fields{"title": c.anyText, "expression": c.anyText}, "title", "expression")
	})
	c.strict(n, fields{"scope": c.anyText, "condition": condition}, "scope")
}

func (c *compiled) bindAzure(n node) { c.strict(n, fields{"scope": c.anyText}, "scope") }

func (c *compiled) anyText(n node) { c.text(n) }

// each gives what reads a list by its elements.
func (c *compiled) each(read func(node)) func(node) {
	return func(n node) {
		items, _ := c.items(n, "")
		for _, item := range items {
			read(item)
		}
	}
}

// strict reads an object that has these fields and no others.
func (c *compiled) strict(n node, known fields, required ...string) {
	if c.object(n, known, c.refuse(nil)) {
		c.require(n, required...)
	}
}
