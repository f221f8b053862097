"""`{% load disk %}{% disk_notice %}`: says that the disk is full, where it is."""

from django import template

from jobs import disk

register = template.Library()


@register.inclusion_tag("jobs/_disk.html")
def disk_notice():
    return {"is_full": disk.is_full(), "megabytes": disk.free() // 1024**2}
